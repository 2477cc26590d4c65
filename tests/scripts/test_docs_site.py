"""The site of the documentation: built strictly, a page for each rule, nothing loaded from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import docs_site
import pytest

from auditor.commands import audit as cli
from auditor.report.rule_page import difference, page
from rules import ALL
from rules.examples.folders import folder

_LOADING = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}


class _Loaded(HTMLParser):
    """Addresses that a page loads by itself; links that a reader follows are none."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _LOADING and given.get("rel") not in ("canonical", "prev", "next"):
            self.found.append(given.get(_LOADING[tag]) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("zensical", reason="zensical is not installed")
    root = tmp_path_factory.mktemp("docs")
    assert docs_site.build(root) == 0
    return root / "build" / "site"


def test_every_rule_has_a_page_with_its_criterion_and_its_sources(site: Path) -> None:
    index = (site / "rules" / "index.html").read_text("utf-8")
    for rule in ALL:
        text = (site / "rules" / f"{rule.id}.html").read_text("utf-8")
        assert f'href="{rule.id}.html"' in index
        assert all(source.url.replace("&", "&amp;") in text for source in rule.sources)
        assert text.count("<details") == len(rule.examples)


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(ALL)
    for path in pages:
        loaded = _Loaded()
        loaded.feed(path.read_text("utf-8"))
        assert loaded.found
        assert [address for address in loaded.found if re.match(r"(?:https?:)?//", address)] == [], path


def test_the_schema_is_published(site: Path) -> None:
    assert (site / "report.schema.json").read_bytes() == (docs_site.ROOT / "docs" / "report.schema.json").read_bytes()


def test_a_link_that_leads_nowhere_fails(tmp_path: Path) -> None:
    led = docs_site._leading("docs/queue.md", {}, tmp_path)
    with pytest.raises(RuntimeError, match=r"docs/queue\.md links to nothing\.yml"):
        docs_site._LINK.sub(led, "[x](nothing.yml)")
    assert docs_site._LINK.sub(led, "[x](rules.md#artifact-cap)") == "[x](rules/artifact-cap.md)"
    copied = docs_site._LINK.sub(led, "[x](../examples/workflows/golf-audit.yml)")
    assert (tmp_path / "files" / "examples" / "workflows" / "golf-audit.yml").is_file()
    assert copied == "[x](files/examples/workflows/golf-audit.yml)"


def test_a_rule_is_explained_as_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--explain", "artifact-cap", "--format", "markdown"]) == cli.OK
    text = capsys.readouterr().out
    assert text == page(next(rule for rule in ALL if rule.id == "artifact-cap"), folder())
    assert text.startswith("# artifact-cap\n")
    assert "```diff\n" in text


def test_differences_name_what_is_alike_and_what_is_no_text() -> None:
    before: dict[str, str | bytes] = {"a.log": "loss 1\n", "b.log": "loss 2\n", "m.bin": b"12", "same": "x"}
    after: dict[str, str | bytes] = {
        "a.log": "loss 3\n",
        "b.log": "loss 4\n",
        "m.bin": b"123",
        "same": "x",
        "new": "y\n",
    }
    lines = difference(before, after)
    assert lines.count("-loss 1") == 1
    assert "-loss 2" not in lines
    assert "# and so in b.log" in lines
    assert "# 3 bytes that are no text" in lines
    assert "--- /dev/null" in lines
    assert not any("same" in line for line in lines)
