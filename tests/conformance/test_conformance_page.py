"""The HTML report, as a browser has it: it opens from disk, filters, and its cells lead to their cases."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from dulcet.dul.items import ProposedContext, UserIdentity, UserInformation
from dulcet.dul.pdu import AssociateRQ
from dulcet.tools.conformance import clauses, command
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.exits import Exit
from dulcet.tools.conformance.frames import abort
from dulcet.tools.conformance.reports import page
from dulcet.tools.conformance.reports.bytes_view import hexdump
from dulcet.tools.conformance.results import Event, Outcome, RunResult
from peers import our_scp
from sample_runs import cell_result, our_run, sample, wrong_peer_run


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Callable[..., Any]:
    """Opens the report of a run in a window of this width; what is said on the console fails the test."""

    def open_(run: RunResult, *, width: int = 1300, anchor: str = "", dark: bool = False) -> Any:
        page.write(run, str(tmp_path / "report.html"))
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.get("about:blank")
        browser.get((tmp_path / "report.html").as_uri() + (f"#{anchor}" if anchor else ""))
        assert browser.get_log("browser") == []
        return browser

    return open_


def shown(browser: Any) -> list[str]:
    """The cases that are not filtered out."""
    found: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('.case')].filter(each => each.checkVisibility()).map(each => each.id)"
    )
    assert browser.get_log("browser") == []
    return found


def press(browser: Any, selector: str) -> None:
    browser.execute_script(
        "document.querySelector(arguments[0])"
        ".dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))",
        selector,
    )


def chip(name: str, value: str) -> str:
    return f".chip[data-filter={name}][data-value={value}]"


def both_roles() -> RunResult:
    results = [
        cell_result("A", "Sta6", "Evt13", Outcome.PASSED),
        cell_result("R", "Sta6", "Evt13", Outcome.FAILED),
        cell_result("R", "Sta5", "Evt13", Outcome.FAILED),
        *sample().results,
    ]
    return RunResult("both", "AR", "default", results=results)


# ---- in the browser ----


def test_it_opens_and_tells_the_verdict(opened: Callable[..., Any]) -> None:
    browser = opened(wrong_peer_run())
    text = browser.execute_script("return document.body.innerText")
    assert "1 unexpected failure" in text
    assert shown(browser) == ["RL-01.A", "RL-08.A", "S-A-06-13.A"]


def test_filters_narrow_and_are_taken_away(opened: Callable[..., Any]) -> None:
    browser = opened(both_roles())
    everything = shown(browser)
    assert len(everything) == 13
    press(browser, chip("outcome", "failed"))
    assert shown(browser) == [
        "P-03.A",
        "P-07.A",
        "P-09.A",
        "P-10.A",
        "S-R-05-13.R",
        "S-R-06-13.R",
    ]
    press(browser, chip("role", "R"))
    assert shown(browser) == ["S-R-05-13.R", "S-R-06-13.R"]
    press(browser, chip("outcome", "passed"))
    assert shown(browser) == ["S-R-05-13.R", "S-R-06-13.R"]
    press(browser, "#clear")
    assert shown(browser) == everything
    browser.execute_script(
        "const section = document.getElementById('section'); section.value = 'S';"
        "section.dispatchEvent(new Event('change'))"
    )
    assert shown(browser) == ["S-A-06-13.A", "S-R-05-13.R", "S-R-06-13.R"]


def test_words_are_searched(opened: Callable[..., Any]) -> None:
    browser = opened(both_roles())
    browser.find_element("id", "text").send_keys("sta6 EVT13")
    assert shown(browser) == ["S-A-06-13.A", "S-R-06-13.R"]
    assert browser.find_element("id", "shown").text == "2 of 13 cases"
    browser.find_element("id", "text").send_keys(" nothing is like this")
    assert shown(browser) == []
    assert browser.find_element("id", "none").is_displayed()


@pytest.mark.parametrize("width", [1300, 390])
def test_a_cell_leads_to_its_cases(opened: Callable[..., Any], width: int) -> None:
    browser = opened(both_roles(), width=width)
    which = ".table-9-10.small" if width < 600 else ".table-9-10:not(.small)"
    press(browser, f"{which} a[data-cell='Evt13 Sta6']")
    assert shown(browser) == ["S-A-06-13.A", "S-R-06-13.R"]
    assert browser.execute_script("return [...document.querySelectorAll('.case[open]')].map(each => each.id)") == shown(
        browser
    )
    top = browser.execute_script("return document.getElementById('S-A-06-13.A').getBoundingClientRect().top")
    assert 0 <= top < 700
    press(browser, "#cell")
    assert len(shown(browser)) == 13


def test_an_address_opens_its_case(opened: Callable[..., Any]) -> None:
    browser = opened(wrong_peer_run(), anchor="S-A-06-13.A")
    assert browser.execute_script("return document.getElementById('S-A-06-13.A').open")
    text = browser.execute_script("return document.getElementById('S-A-06-13.A').innerText")
    for words in ("A(2,2)", "HOLD", "nothing came, and the connection stayed open", "Wire log", "repeat"):
        assert words in text


@pytest.mark.parametrize("width", [1300, 390])
def test_nothing_sticks_out(opened: Callable[..., Any], width: int) -> None:
    browser = opened(our_run(), width=width)
    browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    smallest = browser.execute_script(
        "return Math.min(...[...document.querySelectorAll('main p, main dd, main summary, main pre')]"
        ".map(each => parseFloat(getComputedStyle(each).fontSize)))"
    )
    assert smallest >= 11


def test_it_is_dark_where_that_is_liked(opened: Callable[..., Any]) -> None:
    colour = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(opened(our_run(), dark=True).execute_script(colour)) < 60
    assert min(opened(our_run()).execute_script(colour)) > 200


def test_a_peer_that_is_not_there_has_a_page(opened: Callable[..., Any]) -> None:
    browser = opened(RunResult("nobody <&>", "A", "default", sanity="no connection: refused"))
    text = browser.execute_script("return document.body.innerText")
    assert "nobody <&>" in text
    assert "Nothing could be judged: no connection: refused" in text


# ---- the text of it ----


class _Parts(HTMLParser):
    """Addresses of what a page loads, its ids and its links within itself."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids += filter(None, [found.get("id")])
        self.loads += filter(None, [found.get("src"), found.get("href") if tag == "link" else None])
        self.links += filter(None, [found.get("href") if tag == "a" else None])


def parts(text: str) -> _Parts:
    found = _Parts()
    found.feed(text)
    return found


def test_it_needs_nothing_else() -> None:
    text = page.document(our_run())
    found = parts(text)
    assert found.loads == ["data:,"]
    assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttpRequest|import\(", text)
    assert all(link.startswith("#") and link[1:] in found.ids for link in found.links)
    assert len(set(found.ids)) == len(found.ids)


def test_each_case_has_what_was_expected_and_seen_with_clause_times_diagram_and_bytes() -> None:
    """Of `wrong_peer_run`; an A-RELEASE-RQ and an -RP are ten bytes each (Tables 9-24 and 9-25)."""
    cases = {
        text.partition('"')[0]: text
        for text in page.document(wrong_peer_run()).split('<details class="case card" id="')[1:]
    }
    wanted = {
        "RL-01.A": ("PS3.8 7.2", ["RP"], "RP", "05 A-RELEASE-RQ (4)"),
        "RL-08.A": ("PS3.8 7.2.2", ["RP"], "RP", "05 A-RELEASE-RQ (4)"),
        "S-A-06-13.A": ("PS3.8 Table 9-10", ["A(2,2)", "~CLOSE [DIRTY]"], "HOLD", "06 A-RELEASE-RP (4)"),
    }
    assert sorted(cases) == sorted(wanted)
    for id_, (clause, allowed, seen, stimulus) in wanted.items():
        text = cases[id_]
        assert f'<p class="clause"><b>{clause}</b> <span class="quiet">' in text
        told = re.search(r"<dt>expected</dt><dd><ul>(.*?)</ul>", text)
        assert told is not None
        assert set(allowed) <= set(re.findall(r"<li>(.*?)</li>", told[1]))
        assert re.search(rf'<dt>seen</dt><dd><span class="got">{seen}</span> .*after \d+\.\d{{3}} s<', text)
        assert re.search(r"<dt>health</dt><dd>OK ", text)
        diagram, times = sequence(text)
        assert (
            diagram.index("02 A-ASSOCIATE-AC (198)") < diagram.index("the case itself begins") < diagram.index(stimulus)
        )
        assert times == sorted(times)
        assert len(times) >= 5
        bytes_ = re.sub("<[^>]*>", "", text)
        assert f"0000  {stimulus[:2]} 00 00 00 00 04 00 00  00 00 " in bytes_


def sequence(case: str) -> tuple[list[str], list[float]]:
    """The words of the one diagram of a case from top to bottom, and the times beside it, in seconds."""
    (svg,) = re.findall(r'<svg [^>]*class="sequence".*?</svg>', case)
    words = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    return words, [float(word) for word in words if re.fullmatch(r"\d+\.\d{3}", word)]


def test_nothing_of_a_peer_is_markup() -> None:
    run = our_run()
    evil = "<script>alert(1)</script>\x1b[31m"
    first = run.results[0]
    event = Event(0.0, "pdu", 0, abort(), 10, words=evil, fault=evil)
    exchange = replace(first.exchanges[0], why=evil, events=(event, replace(event, kind="note")))
    changed = replace(run, peer=evil, results=[replace(first, title=evil, exchanges=[exchange])])
    text = page.document(changed)
    assert "<script>alert" not in text
    assert text.count("<script>") == 1


def test_a_hexdump_names_its_fields_and_hides_what_proves_a_user() -> None:
    dump = hexdump(abort(2, 6), 10, pdu=True)
    assert '<b class="f0" title="PDU-type">07 </b>' in dump
    assert 'title="Reason/Diag">06 </b>' in dump
    identity = UserInformation(user_identity=UserIdentity(2, b"joe", b"secret"))
    contexts = (ProposedContext(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),)
    raw = AssociateRQ("A", "B", contexts, user_information=identity).encode()
    dump = hexdump(raw, len(raw), pdu=True)
    assert "secret" not in re.sub("<[^>]*>", "", dump)
    assert b"secret".hex(" ") not in re.sub("<[^>]*>", "", dump)
    assert hexdump(b"\0" * 2000, 5000, pdu=False).endswith("... 3976 bytes more")


def test_every_clause_of_a_case_has_words() -> None:
    for case in registry().values():
        for clause in case.clauses:
            assert clauses.words(clause), (case.id, clause)


def test_clauses_stand_in_the_order_of_the_standard() -> None:
    order = ["PS3.7 9.1.5", "PS3.7 A.5", "PS3.7 D.3.3.7", "PS3.8 7.2", "PS3.8 7.2.2", "PS3.8 9.1.1", "PS3.8 9.3.10"]
    order += ["PS3.8 Table 9-9", "PS3.8 Table 9-10", "PS3.8 E.1"]
    assert sorted({*order}, key=clauses.order) == order
    assert clauses.above("PS3.8 9.1.4 n1-2") == ["", "9", "9.1", "9.1.4"]
    assert clauses.words("PS3.8 9.1.4 n1-2") == clauses.words("PS3.8 9.1.4")
    assert clauses.words("PS3.99 1") == ""


def test_without_jinja_it_is_told_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "dulcet.tools.conformance.reports.page")
    assert command.main(["acceptor", "127.0.0.1", "1", "--html", "x.html"]) == Exit.USAGE
    assert "--html needs jinja2: pip install 'dulcet[conformance]' gets it" in capsys.readouterr().err


def test_it_is_written_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with our_scp() as port:
        words = ["acceptor", "127.0.0.1", str(port), "S-A-06-13", "--settle", "0.05", "--html", str(path)]
        assert command.main(words) == Exit.PASSED
    assert "S-A-06-13" in path.read_text(encoding="utf-8")
