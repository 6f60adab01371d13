"""The reports in files: JUnit, Markdown, JSON with its schema, traces; and that all of them are written."""

import json
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
import xmlschema
from dulcet.tools.conformance import command, schema
from dulcet.tools.conformance.exits import Exit
from dulcet.tools.conformance.reports import junit, markdown, traces
from dulcet.tools.conformance.reports.json_report import document, load
from dulcet.tools.conformance.results import RunResult
from peers import our_scp
from sample_runs import our_run, sample, wrong_peer_run

HERE = Path(__file__).parent


@cache
def junit_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(HERE / "junit.xsd"))


def parsed(run: RunResult) -> ElementTree.Element:
    """The JUnit report, valid."""
    text = junit.document(run)
    junit_schema().validate(text.decode())
    return ElementTree.fromstring(text)  # noqa: S314  # our own


def cases(root: ElementTree.Element) -> dict[str, ElementTree.Element]:
    return {each.get("name", "").split()[0]: each for each in root.iter("testcase")}


# ---- JUnit ----


def test_a_suite_for_each_clause_and_a_name_for_each_case() -> None:
    root = parsed(wrong_peer_run())
    assert [each.get("name") for each in root.iter("testsuite")] == [
        "PS3.8 Table 9-10",
        "PS3.8 7.2",
        "PS3.8 7.2.2",
    ]
    found = cases(root)["RL-01"]
    assert (found.get("classname"), found.get("name")) == ("ps3_8.7_2", "RL-01 a-release-rq")
    assert junit.class_name("PS3.8 9.3.5") == "ps3_8.9_3_5"
    assert junit.class_name("PS3.8 Table 9-10") == "ps3_8.Table_9_10"


def test_every_outcome_has_its_element() -> None:
    root = parsed(sample())
    told = {
        name: next((f"{child.tag} {child.get('type', '')}".strip() for child in case if child.tag in _KINDS), "")
        for name, case in cases(root).items()
    }
    assert told == {
        "P-01": "",
        "P-02": "",
        "P-03": "failure SILENT",
        "P-04": "skipped",
        "P-05": "skipped",
        "P-06": "error ERROR",
        "P-07": "skipped",
        "P-08": "failure XPASS",
        "P-09": "failure DRIFT",
        "P-10": "failure BLOCKED",
    }
    (suite,) = root.iter("testsuite")
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "10", "failures": "4", "errors": "1", "skipped": "3"}
    assert {name: root.get(name) for name in counts} == {**counts, "skipped": None}


_KINDS = ("failure", "error", "skipped")


def test_what_a_failure_tells() -> None:
    run = wrong_peer_run()
    case = cases(parsed(run))["S-A-06-13"]
    said = (case.findtext("system-out") or "").partition("\n\n")[0]
    assert [tuple(line.split(": ")) for line in said.splitlines()] == [
        ("level", "M"),
        ("role", "A"),
        ("clause", "PS3.8 Table 9-10"),
        ("cell", "Evt13 Sta6"),
        ("verdict", "SILENT"),
        ("reaction", "SILENT"),
        ("closing", "CLEAN"),
        ("health", "OK"),
        ("signature", "HOLD"),
    ]
    failure, out = case.find("failure"), case.findtext("system-out") or ""
    assert failure is not None
    assert failure.get("message") == "SILENT: HOLD (nothing came, and the connection stayed open)"
    assert "A(2,2)" in (failure.text or "")
    assert "06 A-RELEASE-RP  (4) ------" in out
    assert "(silence)" in out
    assert "00000000  06 00 00 00 00 04 00 00" in out
    assert "repeat: dulcet conformance repro S-A-06-13 HOST PORT" in out


def test_a_peer_that_is_not_there_is_an_error() -> None:
    root = parsed(RunResult("nobody", "A", "default", sanity="no connection: \x00refused"))
    (error,) = root.iter("error")
    assert error.get("message") == "no connection: \\x00refused"
    assert (root.get("tests"), root.get("errors")) == ("1", "1")


# ---- JSON ----


@pytest.mark.parametrize("run", [our_run, wrong_peer_run, sample], ids=["ours", "wrong", "sample"])
def test_the_json_is_as_its_schema_has_it(run: object) -> None:
    assert callable(run)
    found = json.loads(json.dumps(document(run())))
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.text()))
    jsonschema.Draft202012Validator(json.loads(schema.text())).validate(found)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 2),
        (("results", 0, "outcome"), "MAYBE"),
        (("results", 0, "exchanges", 0, "events", 0, "kind"), "telepathy"),
        (("results", 0, "colour"), "red"),
        (("results", 0, "states"), ["Sta14"]),
    ],
)
def test_the_schema_refuses_what_is_no_report(path: tuple[str | int, ...], value: object) -> None:
    found = json.loads(json.dumps(document(our_run())))
    *way, last = path
    place = found
    for step in way:
        place = place[step]
    place[last] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json.loads(schema.text())).validate(found)


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["schema"]) == Exit.PASSED
    assert json.loads(capsys.readouterr().out)["properties"]["schema"] == {
        "const": 1,
        "description": "Version of this form; grows when a field changes its meaning or goes.",
    }


def test_a_trace_is_a_report_of_one_case(tmp_path: Path) -> None:
    run = wrong_peer_run()
    traces.write(run, str(tmp_path / "traces"))
    assert {each.name for each in (tmp_path / "traces").iterdir()} == {
        f"{each.id}.A.trace.json" for each in run.results
    }
    one = load(tmp_path / "traces" / "S-A-06-13.A.trace.json")
    assert [one.results[0]] == [each for each in run.results if each.id == "S-A-06-13"]
    assert (one.peer, one.tool) == (run.peer, run.tool)


# ---- Markdown ----


def test_markdown_tells_the_score_and_every_failure() -> None:
    text = markdown.document(wrong_peer_run())
    assert text.startswith("## DICOM conformance of test\n\n**1 unexpected failure.** 2 passed, 1 failed; default mode")
    assert "| shall | 2 | 3 |" in text
    assert "<b>S-A-06-13</b> Evt13 (A-RELEASE-RP PDU received) in Sta6 <code>SILENT</code> HOLD" in text
    assert "| PS3.8 Table 9-10 | 0 | 1 | S-A-06-13 |" in text


def test_markdown_tells_what_was_not_judged_and_the_baseline() -> None:
    text = markdown.document(sample())
    assert "### 2 not judged" in text
    assert "| 1 | needs a peer \\| with \\<b\\>Find |" in text
    assert [line.split()[1] for line in text.splitlines() if line.startswith(("| XP", "| XF", "| DR"))] == [
        "XPASS",
        "DRIFT",
        "XFAIL",
    ]


def test_markdown_of_a_peer_that_is_not_there() -> None:
    text = markdown.document(RunResult("nobody", "A", "default", sanity="no connection"))
    assert text == "## DICOM conformance of nobody\n\n**Nothing could be judged:** no connection\n"


# ---- from the command line ----


def test_all_reports_are_written_before_the_run_ends_badly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = {"json": "a.json", "junit": "a.xml", "md": "a.md"}
    options = [word for option, name in wanted.items() for word in (f"--{option}", str(tmp_path / name))]
    assert command.main(["acceptor", "127.0.0.1", "1", *options]) == Exit.UNREACHABLE
    assert {each.name for each in tmp_path.iterdir()} == set(wanted.values())


def test_a_report_that_cannot_be_written_keeps_no_other_from_being(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").mkdir()
    with our_scp() as port:
        words = ["acceptor", "127.0.0.1", str(port), "RL-01", "--settle", "0.05"]
        code = command.main([*words, "--json", str(tmp_path / "a.json"), "--junit", str(tmp_path / "a.xml")])
    assert code == Exit.TESTER_ERROR
    assert "Is a directory" in capsys.readouterr().err
    assert (tmp_path / "a.xml").exists()


def test_where_there_is_no_directory_nothing_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = command.main(["acceptor", "127.0.0.1", "1", "--md", str(tmp_path / "none" / "a.md")])
    assert code == Exit.USAGE
    assert f"there is no directory {tmp_path / 'none'}" in capsys.readouterr().err
