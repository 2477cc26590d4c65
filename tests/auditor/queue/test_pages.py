"""The pages in a headless Chromium: sort, filter, open, back, no error, nothing for axe to find; text stays text."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import queue_samples as samples
import report_samples as samples_of_reports

from auditor.queue.site import slug
from auditor.report import render
from rules import ALL

ROOT = Path(__file__).resolve().parents[3]
AXE = ROOT / "tests" / "node" / "node_modules" / "axe-core" / "axe.min.js"
BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
DRIVER = shutil.which("chromedriver")
PAGES = ("index.html", "ready.html", "leaderboard.html", "changes.html", "authors.html", "rules.html", "pr/1.html")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.written(tmp_path_factory.mktemp("queue") / "site")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if BROWSER is None or DRIVER is None:
        pytest.skip("there is no Chromium with its driver (Debian: apt install chromium chromium-driver)")
    options = selenium.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1440,900",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: Any, folder: Path) -> Iterator[Any]:
    """The index at its beginning; afterwards the console has said nothing."""
    browser.get("about:blank")
    browser.get((folder / "index.html").as_uri())
    yield browser
    said = [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert said == []


def shown(page: Any) -> list[int]:
    """The numbers of the rows that can be seen, in order."""
    script = "return [...document.querySelectorAll('#queue tbody tr')].map(r => +r.dataset.pr)"
    return list(page.execute_script(script))


def choose(page: Any, name: str, value: str) -> None:
    page.execute_script(
        "const f = document.querySelector(`[name='${arguments[0]}']`); f.value = arguments[1];"
        "f.dispatchEvent(new Event('input', {bubbles: true}))",
        name,
        value,
    )
    wait(page, lambda: True, 0.3)


def wait(page: Any, true: Any, seconds: float = 5) -> None:
    import time

    end = time.monotonic() + seconds
    time.sleep(0.2)
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    assert true()


def test_every_row_is_there_without_a_filter(page: Any) -> None:
    assert shown(page) == [row.pr for row in samples.ROWS]
    assert page.find_element("id", "shown").text == f"{len(samples.ROWS)} pull requests"


@pytest.mark.parametrize(
    ("name", "value", "numbers"),
    [
        ("verdict", "violation score", [1]),
        ("verdict", "violation paperwork", [3]),
        ("rule", "single-seed", [1]),
        ("rule", "chronology", [6]),
        ("rule", "future-dependence", [3]),
        ("said", "accepted", [4]),
        ("bar", "met", [2]),
        ("bar", "not met", [6]),
        ("high", "1", [1]),
        ("low", "1.16", [2]),
        ("q", "zoe", [1]),
        ("q", "ünïcode record", [2]),
    ],
)
def test_filters(page: Any, name: str, value: str, numbers: list[int]) -> None:
    choose(page, name, value)
    assert shown(page) == numbers
    assert page.execute_script("return location.hash").startswith(f"#{name}=")


def test_sorting_by_a_head_goes_up_and_down_with_the_unknown_last(page: Any) -> None:
    button = page.find_element("css selector", "th[data-sort=bpb] button")
    button.click()
    up = shown(page)
    assert (up[0], up[-1]) == (1, 3)
    button.click()
    down = shown(page)
    assert (down[0], down[-1]) == (2, 3)
    assert page.find_element("css selector", "th[data-sort=bpb]").get_attribute("aria-sort") == "descending"


def test_gravity_goes_by_verdict_and_class(page: Any) -> None:
    choose(page, "sort", "gravity")
    assert shown(page)[:4] == [1, 3, 4, 6]


def test_the_state_is_in_the_address_and_the_way_back_works(page: Any) -> None:
    choose(page, "verdict", "violation score")
    choose(page, "sort", "bpb")
    address = page.current_url
    page.find_element("css selector", "#queue a[href='pr/1.html']").click()
    assert "Report" in page.find_element("css selector", "h1").text
    page.back()
    wait(page, lambda: shown(page) == [1])
    page.back()
    wait(page, lambda: "sort" not in page.execute_script("return location.hash"))
    assert shown(page) == [1]
    page.back()
    wait(page, lambda: len(shown(page)) == len(samples.ROWS))
    page.get("about:blank")
    page.get(address)
    assert shown(page) == [1]


def test_a_count_leads_to_its_rows(page: Any) -> None:
    page.find_element("css selector", "a[href='#rule=package-files']").click()
    wait(page, lambda: shown(page) == [3])


def test_the_keyboard_reaches_heads_filters_and_rows(page: Any) -> None:
    seen = page.execute_script(
        "return [...document.querySelectorAll('a,button,input,select,[tabindex]')]"
        ".filter(e => e.tabIndex >= 0 && e.offsetParent !== null).map(e => e.tagName)"
    )
    assert {"A", "BUTTON", "INPUT", "SELECT"} <= set(seen)


def test_two_thousand_rows_are_filtered_in_a_moment(browser: Any, tmp_path: Path) -> None:
    rows = tuple(samples.row(n, bpb=1 + n / 10_000) for n in range(1, 2101))
    browser.get((samples.written(tmp_path / "site", rows) / "index.html").as_uri())
    browser.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": 4})
    try:
        took = browser.execute_script(
            "const f = document.querySelector('[name=sort]'); f.value = 'bpb'; const t = performance.now();"
            "location.hash = 'sort=bpb&down=1&high=1.0112'; dispatchEvent(new Event('hashchange'));"
            "document.body.offsetHeight; return performance.now() - t"
        )
    finally:
        browser.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": 1})
    assert browser.find_element("id", "shown").text == "112 of 2100 pull requests"
    assert took < 10_000, took  # milliseconds on a processor four times slower, on a machine that may be busy


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (820, 1180), (1440, 900)])
def test_no_page_is_wider_than_the_screen_and_axe_finds_nothing(
    browser: Any, folder: Path, width: int, height: int, dark: bool
) -> None:
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    shots = os.environ.get("GOLF_SHOTS")
    for name in PAGES:
        browser.get((folder / name).as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, name
        if shots:
            browser.save_screenshot(
                str(Path(shots) / f"{name.replace('/', '-')}-{width}-{'dark' if dark else 'light'}.png")
            )
        if AXE.exists() and name != "pr/1.html":
            browser.execute_script(AXE.read_text("utf-8"))
            found = browser.execute_async_script(
                "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => "
                "done(r.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html)])))"
            )
            assert found == [], f"{name} at {width}"


@pytest.mark.parametrize("name", ["index.html", "report"])
def test_print_is_light_and_its_columns_are_legible(browser: Any, folder: Path, tmp_path: Path, name: str) -> None:
    """On A4 of somebody who reads in the dark."""
    (tmp_path / "report.html").write_text(render(samples_of_reports.violating(), "html"), "utf-8")
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 703, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        browser.get((tmp_path / "report.html" if name == "report" else folder / name).as_uri())
        assert browser.execute_script("return getComputedStyle(document.body).color") == "rgb(28, 33, 40)"
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 703
        if name == "index.html":
            widths = "return [...document.querySelectorAll('#queue tbody tr')[1].cells].map(c => c.clientWidth)"
            _, what, day, bpb, margin, p, *_ = browser.execute_script(widths)
            assert what > 130
            assert min(day, bpb, margin, p) > 25  # a figure stands in one line
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci --prefix tests/node")
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_in_a_report(browser: Any, tmp_path: Path, dark: bool) -> None:
    (tmp_path / "report.html").write_text(render(samples_of_reports.violating(), "html"), "utf-8")
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    screen = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get((tmp_path / "report.html").as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    browser.execute_script("document.querySelectorAll('details').forEach(e => e.open = true)")
    browser.execute_script(AXE.read_text("utf-8"))
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => "
        "done(r.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html)])))"
    )
    assert found == []


# --- without a browser ---------------------------------------------------------------------------------------------


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_hostile_text_stays_text_on_every_page(folder: Path) -> None:
    for path in folder.rglob("*.html"):
        text = path.read_text("utf-8")
        tags = _Tags(text).tags
        assert [attrs.get("src") for tag, attrs in tags if tag == "script"] in ([], ["site.js"]), path.name
        assert not [tag for tag, _ in tags if tag in ("img", "iframe", "object", "style")] or path.parent.name == "pr"
        assert not [name for _, attrs in tags for name in attrs if name.startswith("on")], path.name
        assert "\x1b" not in text
        assert "\u202e" not in text
        links = [attrs["href"] or "" for tag, attrs in tags if tag in ("a", "link") and "href" in attrs]
        assert all(
            re.match(r"(\.\./)?[\w./-]+\.(html|css)(#[\w=-]+)?$|#|https://github\.com/openai/parameter-golf/", url)
            or url in {source.url for rule in ALL for source in rule.sources}
            for url in links
        )


def test_nothing_is_requested_from_elsewhere(folder: Path) -> None:
    for name in ("index.html", "leaderboard.html"):
        text = (folder / name).read_text("utf-8")
        assert "default-src 'none'" in text
        sources = [attrs.get("src") or "" for _, attrs in _Tags(text).tags if "src" in attrs]
        assert sources == (["site.js"] if name == "index.html" else [])


def test_no_author_gets_onto_the_page_of_another() -> None:
    names = {f"{a}{b}{c}" for a in "\u4e00\u4e01\u4e02\u4e03" for b in "!?-. " for c in map(chr, range(0x3041, 0x3200))}
    assert len({slug(name) for name in names}) == len(names)
    assert re.fullmatch(r"[a-z0-9-]{1,60}", slug("../<x>\ud800" * 99))


def test_pages_of_rows_that_are_gone_are_taken_away(tmp_path: Path) -> None:
    folder = samples.written(tmp_path / "site")
    assert (folder / "pr" / "6.html").exists()
    samples.written(tmp_path / "site", samples.ROWS[:3])
    assert sorted(path.name for path in (folder / "pr").iterdir()) == ["1.html", "2.html", "3.html"]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    def content(name: str) -> dict[str, bytes]:
        folder = samples.written(tmp_path / name)
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert content("one") == content("two")


def test_the_server_is_for_this_machine_and_this_folder(folder: Path) -> None:
    import threading
    import urllib.error
    import urllib.request

    from auditor.queue.serve import server

    with server(folder, 0) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        assert pages.server_address[0] == "127.0.0.1"
        with urllib.request.urlopen(f"http://127.0.0.1:{pages.server_port}/", timeout=10) as answer:
            assert b"The queue" in answer.read()
        for path in ("/pr/", "/../site.sqlite", "/%2e%2e/site.sqlite"):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"http://127.0.0.1:{pages.server_port}{path}", timeout=10)
        pages.shutdown()
