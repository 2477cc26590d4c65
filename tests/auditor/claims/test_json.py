"""submission.json in the forms that people write."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.claims import Claims, read_claims
from auditor.submission import Submission, SubmissionFile


def read(value: object, **kwargs: str) -> Claims:
    data = (
        value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else json.dumps(value).encode()
    )
    return read_claims(Submission("folder", "x", (SubmissionFile("submission.json", len(data), data),), **kwargs))


def figures(claims: Claims) -> list[tuple[int | None, float | None]]:
    return [(s.seed, s.val_bpb) for s in claims.seeds]


@pytest.mark.parametrize("key", ["author", "team_or_author", "author_name", "github_handle"])
def test_who_made_it(key: str) -> None:
    found = read({key: "Zoe", "val_bpb": 1.1}).author
    assert found is not None
    assert found.value == "Zoe"


PAIR = [(42, 1.1), (314, 1.2)]


@pytest.mark.parametrize(
    "fields",
    [
        {"seed_results": {"42": {"val_bpb": 1.1}, "314": {"val_bpb": 1.2}}},
        {"seeds": {"42": {"val_bpb": "1.1"}, "314": {"val_bpb": "1.2000 bpb"}}},
        {"seeds": [{"seed": 42, "val_bpb": 1.1}, {"seed": "314", "bpb": 1.2}]},
        {"results": {"seed_42": {"val_bpb": 1.1}, "seed_314": {"val_bpb": 1.2}}},
        {"results": {"seeds": {"42": {"val_bpb": 1.1}, "314": {"val_bpb": 1.2}}}},
        {"per_seed": [{"seed": 42, "post_ttt_val_bpb": 1.1}, {"seed": 314, "post_ttt_val_bpb": 1.2}]},
        {"val_bpb_by_seed": {"42": 1.1, "314": 1.2}},
        {"val_bpb_seeds": {"seed42": 1.1, "seed314": 1.2}},
        {"val_bpb": {"42": 1.1, "314": 1.2, "mean": 1.15}},
        {"seeds": [42, 314], "seed_bpbs": [1.1, 1.2]},
        {"42": {"val_bpb": 1.1}, "314": {"val_bpb": 1.2}},
        [{"seed": 42, "val_bpb": 1.1}, {"seed": 314, "val_bpb": 1.2}],
    ],
)
def test_seed_forms(fields: object) -> None:
    claims = read(fields)
    assert figures(claims) == PAIR
    assert all(s.where.startswith("submission.json:") for s in claims.seeds)


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"val_bpb": 1.5}, 1.5),
        ({"val_bpb": "1.5000"}, 1.5),
        ({"mean_val_bpb": 1.5, "best_val_bpb": 1.2}, 1.5),
        ({"val_bpb_mean": 1.5}, 1.5),
        ({"val_bpb": None, "val_bpb_3seed_mean": 1.5}, 1.5),
        ({"results": {"mean_val_bpb": 1.5}}, 1.5),
        ({"val_bpb": {"mean": 1.5, "std": 0.1}}, 1.5),
        ({"val_bpb": "1.5 \u00b1 0.01"}, 1.5),
        ({"val_bpb": None}, None),
        ({"val_bpb": "TBD"}, None),
        ({"val_bpb": True}, None),
    ],
)
def test_headline_figure(fields: object, value: float | None) -> None:
    claims = read(fields)
    assert (claims.val_bpb.value if claims.val_bpb else None) == value


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"artifact_bytes": 15987206}, 15987206),
        ({"bytes_total": "15,987,206"}, 15987206),
        ({"artifact_bytes": "15.98 MB"}, 15980000),
        ({"artifact_bytes_mean": 1, "artifact_bytes_max": 15989311}, 15989311),
        ({"artifact_size_mb": 15.5}, 15500000),
        ({"bytes_total": "15 MiB"}, 15728640),
        ({"artifact_bytes": {"1": 15000000}, "seed_results": {"1": {"val_bpb": 1.0}}}, 15000000),
        ({"seeds": {"1": {"val_bpb": 1, "bytes_total": 5000000}, "2": {"bytes_total": 6000000}}}, 6000000),
    ],
)
def test_sizes(fields: object, size: int) -> None:
    claims = read(fields)
    assert claims.artifact_bytes is not None
    assert claims.artifact_bytes.value == size


def test_seed_row_units() -> None:
    row = read(
        {
            "seeds": {
                "1": {
                    "val_bpb": 1.0,
                    "val_loss": "2.5",
                    "steps": "5,410",
                    "train_time_ms": 590078,
                    "eval_time_s": 75.8,
                    "bytes_code": 9000,
                }
            }
        }
    ).seeds[0]
    assert (row.val_loss, row.steps, row.code_bytes) == (2.5, 5410, 9000)
    assert (row.train_seconds, row.eval_seconds) == (pytest.approx(590.078), 75.8)


def test_figures_of_one_seed_come_together_from_several_keys() -> None:
    (row,) = read(
        {"val_bpb_by_seed": {"1": 1.0}, "eval_time_ms_by_seed": {"1": 5000}, "bytes_total_by_seed": {"1": 15000000}}
    ).seeds
    assert (row.val_bpb, row.eval_seconds, row.artifact_bytes) == (1.0, 5.0, 15_000_000)


def test_single_seed_and_listed_seeds() -> None:
    assert figures(read({"seed": 1337, "val_bpb": 1.2})) == [(1337, 1.2)]
    assert figures(read({"seeds": [1, "2"], "val_bpb": 1.2})) == [(1, None), (2, None)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("[]", "holds a list"),
        ("[1]", "holds a list"),
        ('"x"', "holds a string"),
        ("null", "holds a null"),
        ("{", "not valid JSON"),
        ('{"val_bpb": 1.5,}', "trailing comma"),
        ("[" * 100_000, "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        ('[{"val_bpb": 1.5}]', "list with one object"),
    ],
)
def test_bad_json_is_a_problem(text: str | bytes, words: str) -> None:
    claims = read(text)
    assert any(words in p for p in claims.problems), claims.problems


def test_what_can_be_read_of_bad_json_is_read() -> None:
    for text in ('{"val_bpb": 1.5,}', '\ufeff{"val_bpb": 1.5}', '[{"val_bpb": 1.5}]'):
        claim = read(text).val_bpb
        assert claim is not None
        assert claim.value == 1.5


def test_not_a_number() -> None:
    assert read('{"val_bpb": NaN, "artifact_bytes": Infinity}').val_bpb is None
    assert read('{"val_bpb": NaN, "artifact_bytes": Infinity}').artifact_bytes is None


def test_unknown_shapes_are_named_and_harmless_keys_are_not() -> None:
    claims = read(
        {
            "author": "a",
            "blurb": {"x": []},
            "notes": ["val"],
            "val_bpb": 1.2,
            "technique": {"seeded": 1},
            "lineage": [{}],
            "seed_table": [["42", "1.1"]],
            "val_loss": ["?"],
        }
    )
    assert len(claims.problems) == 2
    assert any("'seed_table'" in p for p in claims.problems)
    assert any("'val_loss'" in p for p in claims.problems)


def test_problems_are_bounded() -> None:
    claims = read({"val_bpb": 1.0, **{f"seed_thing_{i}x": [[]] for i in range(500)}})
    assert len(claims.problems) < 20
    assert "more keys" in claims.problems[-1]


def test_missing_file() -> None:
    claims = read_claims(Submission("folder", "x", ()))
    assert claims.problems == ("There is no submission.json.",)


def test_track_and_record() -> None:
    claims = read({"track": "non-record-16mb", "author": "a", "hardware": "8xH100"})
    assert claims.non_record is not None
    assert claims.non_record.value
    folder = Submission("folder", "records/track_10min_16mb/x", (), track="track_10min_16mb")
    ten = read_claims(folder)
    assert ten.track is not None
    assert ten.track.value == "track_10min_16mb"
    assert ten.non_record is not None
    assert not ten.non_record.value
    other = read_claims(Submission("folder", "records/track_non_record_16mb/x", (), track="track_non_record_16mb"))
    assert other.non_record is not None
    assert other.non_record.value
    assert read({}).non_record is None


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.sampled_from(["1.1", "15,9 MB"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["seeds", "val_bpb", "42", "seed", "results", "artifact_bytes", "x", "mean"]), inner
        ),
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_any_json(value: object) -> None:
    read(json.dumps(value))


def test_the_key_that_bears_the_claim_is_the_seeds_result() -> None:
    seeds = {
        "1": {"sliding_window_bpb": 1.15, "cached_sliding_bpb": 1.01, "note": "x"},
        "2": {"sliding_window_bpb": 1.17, "cached_sliding_bpb": 1.03},
    }
    for claim, expected in ((1.02, [1.01, 1.03]), (1.16, [1.15, 1.17]), (1.5, [1.15, 1.17])):
        claims = read({"val_bpb": claim, "seeds": seeds})
        assert [row.val_bpb for row in claims.seeds] == expected
    lists = {"val_bpb": 1.02, "seeds": [1, 2], "sliding_bpbs": [1.15, 1.17], "cached_bpbs": [1.01, 1.03]}
    assert [row.val_bpb for row in read(lists).seeds] == [1.01, 1.03]
    apart = {"val_bpb": 1.02, "seed_bpb": {"1": 1.15, "2": 1.17}, "seed_cached_bpb": {"1": 1.01, "2": 1.03}}
    assert [row.val_bpb for row in read(apart).seeds] == [1.01, 1.03]


def test_a_seed_with_only_an_unknown_figure_is_no_row_without_the_claim() -> None:
    seeds = {"1": {"cached_sliding_bpb": 1.01}, "2": {"cached_sliding_bpb": 1.03}}
    assert read({"val_bpb": 1.5, "results": seeds}).seeds == ()
    found = read({"val_bpb": 1.02, "results": seeds}).seeds
    assert [row.val_bpb for row in found] == [1.01, 1.03]


@pytest.mark.parametrize("size", ["<16 MB", "N/A", "under 16MB", "\u2264 16,000,000 bytes", "TBD", "16,03 MB"])
def test_a_size_that_is_none_is_said(size: str) -> None:
    claims = read({"val_bpb": 1.1, "bytes_total": size})
    assert claims.artifact_bytes is None
    assert any("bytes_total" in problem for problem in claims.problems)
