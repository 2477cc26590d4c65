"""Which of several record folders is chosen, and why."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.submission import Change, SubmissionError
from auditor.submission.choose import Evidence, choose, claimed_figures, date_of, has_content, named
from auditor.submission.layout import record_folder, summary, touched, track_of
from auditor.submission.model import Candidate

TRACK = "records/track_10min_16mb"


def folder(
    name: str,
    *,
    figures: tuple[float, ...] = (),
    claims: bool = True,
    script: bool = True,
    log: bool = False,
    readme: bool = False,
) -> Candidate:
    return Candidate(f"{TRACK}/{name}", True, claims, script, log, readme, figures)


def pick(candidates: Sequence[Candidate], evidence: Evidence | None = None) -> tuple[str, str]:
    choice = choose(candidates, evidence or Evidence())
    assert {choice.folder, *choice.others} == {candidate.folder for candidate in candidates}
    return choice.folder.rsplit("/", 1)[-1], choice.because


OLD, NEW = "2026-03-20_11L_SmearGate_TTT", "2026-04-02_SP8192_TwoPhase"


def test_one_folder_needs_no_reason() -> None:
    assert pick([folder(OLD)]) == (OLD, "")


def test_the_score_in_the_title_outweighs_the_date() -> None:
    both = [folder(OLD, figures=(1.12164,)), folder(NEW, figures=(1.13,))]
    for text in ("Record (val_bpb=1.1216)", "1.12164", "beats 1.3000: 1.122 BPB"):
        for evidence in (Evidence(title=text), Evidence(head_subject=text)):
            name, because = pick(both, evidence)
            assert name == OLD
            assert "score" in because
    assert pick(both, Evidence(head_subject="v1.1216.3 or 11.1216"))[0] == NEW


def test_the_score_may_stand_in_the_folders_name() -> None:
    assert pick([folder("2026-03-20_A_0.6360"), folder(NEW)], Evidence(head_subject="0.6360 BPB"))[0].endswith("0.6360")


def test_the_words_of_a_title_outweigh_the_date_but_those_of_a_subject_do_not() -> None:
    both = [folder(OLD), folder(NEW)]
    assert pick(both, Evidence(title="Record: smear gate"))[0] == OLD
    assert pick(both, Evidence(head_subject="tune smear gate"))[0] == NEW
    same_day = [folder("2026-04-02_A_SmearGate"), folder("2026-04-02_B_TwoPhase")]
    assert pick(same_day, Evidence(head_subject="tune smear gate"))[0] == "2026-04-02_A_SmearGate"


def test_short_words_must_stand_alone() -> None:
    both = [folder("2026-04-02_EMA"), folder("2026-04-02_TTT")]
    assert "names it" in pick(both, Evidence(head_subject="add EMA"))[1]
    assert "names it" not in pick(both, Evidence(head_subject="add emax and schema"))[1]


def test_the_newest_date_however_it_is_written() -> None:
    assert pick([folder("2026-03-26_A"), folder("2026-4-1-B"), folder("20260327_C")])[0] == "2026-4-1-B"


def test_the_only_submission_json_with_content_and_the_only_script() -> None:
    assert pick([folder("2026-04-02_A"), folder("2026-04-02_B", claims=False)])[0] == "2026-04-02_A"
    assert pick([folder("2026-04-02_A"), folder("2026-04-02_B", script=False)])[0] == "2026-04-02_A"


def test_a_folder_with_neither_claims_nor_a_log_yields_to_one_with_both_before_dates_decide() -> None:
    name, because = pick([folder("2026-03-24_A", log=True), folder("2026-03-26_Sandbox", claims=False)])
    assert (name, because) == ("2026-03-24_A", "one of 2 folders; the only one with claims, a log or a README")
    unfinished = [folder("2026-03-26_B", claims=False, log=True), folder("2026-03-26_B", claims=False, readme=True)]
    for newest in (folder("2026-03-26_B"), *unfinished):
        assert pick([folder("2026-03-24_A", log=True), newest])[0] == "2026-03-26_B"
    assert pick([folder("2026-03-24_A"), folder("2026-03-26_B", claims=False)])[0] == "2026-03-26_B"
    titled = Evidence(title="Record: sandbox")
    assert pick([folder("2026-03-24_A", log=True), folder("2026-03-26_Sandbox", claims=False)], titled)[0] == (
        "2026-03-26_Sandbox"
    )


def test_commit_subjects_newest_first() -> None:
    both = [folder("2026-04-02_Alpha"), folder("2026-04-02_Beta")]
    assert pick(both, Evidence(subjects=("fix", "work on alpha", "add beta")))[0] == "2026-04-02_Alpha"


def test_a_dated_folder_before_an_undated_one() -> None:
    assert pick([folder("2026-04-02_A"), folder("my_experiment")])[0] == "2026-04-02_A"


def test_when_nothing_tells_them_apart_the_reason_says_so() -> None:
    name, because = pick([folder("2026-04-02_A"), folder("2026-04-02_B")])
    assert name == "2026-04-02_B"
    assert "nothing else tells them apart" in because


NAMES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1), min_size=1, unique=True)


@given(NAMES, st.text(), st.lists(st.floats(), max_size=3))
def test_any_folders_and_titles_give_one_choice_in_any_order(
    names: list[str], title: str, figures: list[float]
) -> None:
    candidates = [folder(name, figures=tuple(figures)) for name in names]
    evidence = Evidence(title=title, head_subject=title, subjects=(title,))
    assert pick(candidates, evidence) == pick(candidates[::-1], evidence)


def test_asking_for_a_folder() -> None:
    folders = [f"{TRACK}/A", f"{TRACK}/BA", "records/track_non_record_16mb/A", f"{TRACK}/C"]
    assert named(f"{TRACK}/A/", folders) == f"{TRACK}/A"
    assert named("C", folders) == f"{TRACK}/C"
    assert named("BA", folders) == f"{TRACK}/BA"
    with pytest.raises(SubmissionError, match=f"names several folders: {TRACK}/A, records/track_non_record_16mb/A"):
        named("A", folders)
    with pytest.raises(SubmissionError, match="is not among the folders"):
        named("", folders)


@pytest.mark.parametrize(
    ("data", "figures"),
    [
        (b'{"val_bpb": 1.25, "x": 3, "best_BPB": "1.2"}', (1.25, 1.2)),
        (b'\xef\xbb\xbf{"val_bpb": 1.25}', (1.25,)),
        (b'{"val_bpb": null, "bpb": [1], "mean_bpb": NaN, "b_bpb": 1e400, "c_bpb": 99}', ()),
        (b"[]", ()),
        (b"not json", ()),
        (b"[" * 100_000, ()),
        (b'{"bpb": ' + b"9" * 5000 + b"}", ()),
        (b"\xff\xfe\x00", ()),
    ],
)
def test_claimed_figures(data: bytes, figures: tuple[float, ...]) -> None:
    assert claimed_figures(data) == figures


def test_content() -> None:
    assert not any(has_content(data) for data in (b"", b" \n", b"{ }", b"[]\n", b"null"))
    assert has_content(b'{"a": 1}')


def test_dates() -> None:
    assert date_of("2026-03-26_A") == (2026, 3, 26)
    assert date_of("20260326") == (2026, 3, 26)
    assert date_of("2026-13-26_A") is None
    assert date_of("run_2026-03-26") is None


def test_record_folders_of_paths() -> None:
    marked = frozenset({"records/x/y", "records/x/y/z"})

    def of(path: str) -> str | None:
        return record_folder(path.split("/"), marked)

    assert of(f"{TRACK}/A/sub/train_gpt.py") == f"{TRACK}/A"
    assert of(f"{TRACK}/A/records/track_b/B/f") == f"{TRACK}/A"
    assert of(f"copy/{TRACK}/A/f") == f"copy/{TRACK}/A"
    assert of(f"records/{TRACK}/A/f") == f"records/{TRACK}/A"
    assert of("records/x/y/z/f") == "records/x/y"
    assert of("records/other/f") == "records/other"
    assert of(f"{TRACK}/README.md") is None
    assert of("records/README.md") is None
    assert of("src/records.py") is None


def test_touched_by_deletions_alone_is_not_touched() -> None:
    assert touched([Change(f"{TRACK}/A/train_gpt.py", "deleted")]).records == ()
    assert touched([Change("train_gpt.py", "modified"), Change("submission.json", "added")]).elsewhere_with_claims == ()


def test_track_and_summary() -> None:
    assert track_of(f"{TRACK}/A") == "track_10min_16mb"
    assert track_of("records/A") is None
    assert track_of("mine") is None
    many = [Change(f"f{i}", "added") for i in range(7)]
    assert summary(many) == "it touches f0, f1, f2, f3 and 3 more"
