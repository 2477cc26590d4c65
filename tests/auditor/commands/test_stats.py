"""golf-stats: statuses, sources, days, formats, the chain, and the section of golf-audit."""

from __future__ import annotations

import itertools
import json
import os
import re
import resource
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from auditor.commands import audit as cli
from auditor.commands import stats as stats_cli
from rules.examples import folders as examples

CLONE = os.environ.get("GOLF_CLONE")


def written(folder: Path, **changes: object) -> Path:
    folder.mkdir()
    for path, data in examples.folder(**changes).items():  # type: ignore[arg-type]
        (folder / path).write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Three seeds around 1.1001, dated 2026-04-10."""
    return written(tmp_path / "2026-04-10_Example")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = stats_cli.main(list(arguments))
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:  # type: ignore[type-arg]
    return json.loads(run(capsys, *arguments, "--format", "json")[1])["significance"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say what to test"),
        (["--values", "1.1", "x"], "invalid float"),
        (["--values", "1.1", "--chain"], "leave PATH"),
        (["a", "--values", "1.1"], "exclude each other"),
        (["--pr", "3"], "--repo CLONE"),
        (["--values", "1.1", "1.2", "--as-of", "yesterday"], "--as-of wants a day"),
        (["--values", "1.1", "1.2", "--baseline", "3"], "no accepted record"),
        (["--values", "1.1", "1.2", "--as-of", "2026-01-01"], "no record was accepted by"),
        (["--values", "1.1", "1.2", "--margin", "0.1"], "--reproduces"),
        (["--values", "1.1", "1.2", "--confidence", "95"], "between 0.5 and 1"),
        (["--values", "1.1", "1.2", "-o", "/nowhere/x"], "no folder"),
        (["/nowhere/x"], "does not exist"),
    ],
)
def test_wrong_usage_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    status, text = run(capsys, *arguments)
    assert status == stats_cli.USAGE
    assert said in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("form", ["terminal", "markdown", "json", "html"])
def test_statuses_are_those_of_the_bar_whatever_the_format(
    capsys: pytest.CaptureFixture[str], record: Path, form: str
) -> None:
    assert run(capsys, str(record), "--baseline", "549", "--format", form)[0] == stats_cli.MET
    assert run(capsys, str(record), "--baseline", "1493", "--format", form)[0] == stats_cli.NOT_MET
    assert run(capsys, "--values", "1.05", "--baseline", "1493", "--format", form)[0] == stats_cli.NOT_TESTED


def test_in_march_the_readme_decides_and_in_april_the_progression(capsys: pytest.CaptureFixture[str]) -> None:
    values = ["--values", "1.1140", "1.1142", "1.1137", "--baseline", "1019"]
    assert run(capsys, *values, "--as-of", "2026-03-27")[0] == stats_cli.NOT_MET
    assert run(capsys, *values, "--as-of", "2026-04-03")[0] == stats_cli.MET
    march = asked(capsys, *values, "--as-of", "2026-03-27")
    assert (march["decided_by"], march["met"]) == ("readme", False)
    assert [bar["in_force"] for bar in march["bars"]] == [True, False]
    assert [bar["met"] for bar in march["bars"]] == [False, True]  # both are shown


def test_the_baseline_is_the_record_that_stood(capsys: pytest.CaptureFixture[str], record: Path) -> None:
    assert asked(capsys, str(record))["base"]["name"] == "#1514"  # the best before 2026-04-10
    assert asked(capsys, str(record), "--as-of", "2026-03-25")["base"]["name"] == "#1019"  # that day's rows included
    assert asked(capsys, "--values", "1.1", "1.2")["base"]["name"] == "#2135"


def test_a_record_of_two_commits_is_the_one_that_was_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    base = asked(capsys, "--values", "1.05", "1.051", "--baseline", "1945")["base"]
    assert sum(f["val_bpb"] for f in base["figures"]) / 3 == pytest.approx(1.05943725, abs=1e-7)


def test_a_folder_and_values_are_baselines(capsys: pytest.CaptureFixture[str], record: Path, tmp_path: Path) -> None:
    better = written(tmp_path / "better", logs=examples.seeds((1.0901, 1.0898, 1.0904)))
    found = asked(capsys, str(better), "--baseline", str(record))
    assert found["measured"][0]["welch"]["difference"] == pytest.approx(-0.01)
    assert asked(capsys, str(better), "--baseline", "1.1,1.1002,1.0999")["met"] is True


def test_a_rerun_reproduces_or_does_not(capsys: pytest.CaptureFixture[str], record: Path, tmp_path: Path) -> None:
    near = written(tmp_path / "near", logs=examples.seeds((1.1002, 1.0999, 1.1003)))
    far = written(tmp_path / "far", logs=examples.seeds((1.1032, 1.1029, 1.1033)))
    assert run(capsys, str(near), "--baseline", str(record), "--reproduces")[0] == stats_cli.MET
    assert run(capsys, str(far), "--baseline", str(record), "--reproduces")[0] == stats_cli.NOT_MET
    assert run(capsys, str(far), "--baseline", str(record), "--reproduces", "--margin", "0.02")[0] == stats_cli.MET
    single = asked(
        capsys, "--values", "1.1003", "--bytes-per-token", "2.436", "--baseline", str(record), "--reproduces"
    )
    assert single["equivalence"]["equivalent"] is True
    assert "standard deviation of" in single["equivalence"]["how"]


def test_pooling(capsys: pytest.CaptureFixture[str], record: Path) -> None:
    found = asked(capsys, str(record), "--baseline", "1019", "--pool", "1.1005,1.0997")
    assert len(found["new"]["figures"]) == 5
    both = asked(capsys, str(record), "--baseline", "1019", "--pool-baseline", "1.1145")
    assert len(both["base"]["figures"]) == 4


def test_json_holds_no_p_where_nothing_was_tested(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "--values", "1.05", "--baseline", "1493")
    assert (found["met"], found["decided_by"]) == (None, "progression")
    assert [bar["p"] for bar in found["bars"]] == [None, None]
    assert found["measured"][0]["welch"] is None
    assert 0 < found["bars"][0]["known_sd"]["p"] < 1


def test_hostile_names_stay_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    evil = written(tmp_path / "x<script>alert(1)</script>|@team [b](http://e)\x1b[31m".replace("/", "_"))
    for form in ("terminal", "markdown", "html"):
        text = run(capsys, str(evil), "--baseline", "1019", "--format", form)[1]
        assert "\x1b" not in text
        assert "<script" not in text or form == "terminal"
        assert "@team" not in text or form != "markdown"


def drawings(page: str) -> dict[str, ET.Element]:
    found = [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
    return {str(svg.get("aria-labelledby")).split("-title")[0]: svg for svg in found}


def test_charts_are_drawn_labelled_and_described(capsys: pytest.CaptureFixture[str], record: Path) -> None:
    page = run(capsys, str(record), "--baseline", "1493", "--format", "html")[1]
    charts = drawings(page)
    assert set(charts) == {"seeds", "power", "frontier"}
    for svg in charts.values():
        texts = [t.text or "" for t in svg.iter("text")]
        assert svg.get("role") == "img"
        assert svg.find("title") is not None
        assert len(svg.findtext("desc") or "") > 40
        assert any("bits per byte" in t or "nats per token" in t for t in texts)
        places = [float(v) for e in svg.iter() for k in ("x", "x1", "x2", "cx") if (v := e.get(k)) is not None]
        assert 0 <= min(places) <= max(places) <= 760
    assert len(list(charts["seeds"].iter("circle"))) == 6  # every seed of both sides
    assert len(list(charts["power"].iter("polyline"))) == 2
    assert "<script" not in page
    assert "var(--" in page
    assert re.search(r"#[0-9a-f]{6}", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)) is None


def test_the_chain(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(run(capsys, "--chain", "--format", "json")[1])["chain"]["rows"]
    by_number = {row["pr"]: row for row in rows}
    assert len(rows) == 49
    assert (by_number[1514]["before"], round(by_number[1514]["p"], 3)) == ("#1493", 0.020)
    assert (by_number[1529]["before"], round(by_number[1529]["p"], 3)) == ("#1514", 0.001)
    assert (by_number[1769]["before"], round(by_number[1769]["p"], 3)) == ("#1736", 0.063)
    assert (by_number[2135]["before"], round(by_number[2135]["p"], 3)) == ("#2014", 0.014)
    assert by_number[1019]["before"] == "#549"  # not the row between them, which was no record
    assert by_number[1514]["gain_nats"] == pytest.approx(0.00302, abs=5e-6)
    assert by_number[1019]["met"] == {"readme": True, "progression": True}
    assert by_number[1851]["met"] == {}  # one seed: neither met nor missed
    assert by_number[1851]["tested"] == "known-sd"
    kept = [row for row in rows if row["kept"]]
    assert kept[-1]["pr"] == 1945
    assert all(later["score"] < earlier["score"] for earlier, later in itertools.pairwise(kept))
    page = run(capsys, "--chain", "--format", "html")[1]
    assert set(drawings(page)) == {"chain", "chain-later"}
    for form in ("terminal", "markdown"):
        assert "1.0594 (" in run(capsys, "--chain", "--format", form)[1]


def test_the_section_of_golf_audit(capsys: pytest.CaptureFixture[str], record: Path) -> None:
    def audited(*more: str) -> str:
        cli.main([str(record), *more])
        return capsys.readouterr().out

    report = json.loads(audited("--baseline", "549", "--format", "json"))
    assert (report["significance"]["base"]["name"], report["significance"]["met"]) == ("#549", True)
    assert next(o["outcome"] for o in report["outcomes"] if o["rule"] == "significance") == "pass"
    behind = json.loads(audited("--baseline", "auto", "--format", "json"))
    assert next(o["outcome"] for o in behind["outcomes"] if o["rule"] == "significance") == "warning"
    by_default = json.loads(audited("--format", "json"))["significance"]
    assert by_default == behind["significance"]  # three seeds of a record attempt allow a test
    assert json.loads(audited("--baseline", "none", "--format", "json"))["significance"] is None
    assert "Significance" in audited("--baseline", "549")
    assert "### Significance" in audited("--baseline", "549", "--format", "markdown")
    assert "<h2>Significance</h2>" in audited("--baseline", "549", "--format", "html")
    assert cli.main([str(record), "--baseline", "3"]) == cli.USAGE


def loaded(code: str, *arguments: str) -> tuple[str, float]:
    """What a process of its own prints, and what seconds it takes of the processor: clocks tell of neighbours."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_scipy_is_loaded_for_a_baseline_only(record: Path) -> None:
    code = (
        "import sys, io, contextlib\nfrom auditor.commands import audit as cli\n"
        "cli.limited = lambda work, limits: work()\n"
        "with contextlib.redirect_stdout(io.StringIO()): cli.main(sys.argv[1:])\nprint('scipy' in sys.modules)"
    )
    assert loaded(code, str(record), "--baseline", "none")[0] == "False\n"
    assert loaded(code, str(record), "--baseline", "1019")[0] == "True\n"


def test_an_answer_within_two_seconds_of_the_processor(record: Path) -> None:
    code = "import sys\nfrom auditor.commands.stats import main\nmain(sys.argv[1:])"
    took = min(loaded(code, str(record), "--baseline", "1019")[1] for _ in range(3))
    assert took < 2.0


@pytest.mark.clone
@pytest.mark.skipif(CLONE is None, reason="GOLF_CLONE names no clone")
@pytest.mark.parametrize(
    ("pr", "baseline", "p"),
    [(1514, "1493", 0.020), (1529, "1514", 0.001), (1769, "1736", 0.063), (2135, "2014", 0.014), (1395, "1019", 0.0)],
)
def test_pull_requests_of_the_clone(capsys: pytest.CaptureFixture[str], pr: int, baseline: str, p: float) -> None:
    found = asked(capsys, "--repo", str(CLONE), "--pr", str(pr), "--baseline", baseline)
    assert round(found["bars"][1]["p"], 3) == p
    if pr == 1395:
        welch = found["measured"][0]["welch"]
        assert (round(welch["t"], 2), round(welch["df"], 2), round(welch["difference"], 8)) == (
            -68.85,
            3.84,
            -0.02229163,
        )
