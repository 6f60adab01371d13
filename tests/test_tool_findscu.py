"""`dulcet findscu`: what is asked, how it is shown and written, and what the exit code tells."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from data_sets import EXPLICIT, element
from dulcet.dimse.messages import Response
from dulcet.dul import pdu
from dulcet.dul.items import ContextResult
from dulcet.services.query.models import QueryExtension
from dulcet.services.query.query import Query
from dulcet.services.scp import SCP
from dulcet.services.service import Operation
from dulcet.services.storage.part10 import file_meta, peek
from dulcet.services.verification import Verification
from dulcet.tools import query_files
from dulcet.tools.matches import Lines, Table, cell, columns, dump_lines, view
from dulcet.tools.native_xml import document, model, responses
from ports import free_port
from pydicom.dataset import Dataset
from tool_runs import CLOSE, HOLD, PROVIDER_ABORT, USER_ABORT, Ran, Scripted, Terminal, Tool, documented

STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
WORKLIST = "1.2.840.10008.5.1.4.31"
LEVEL = ("-S", "-k", "QueryRetrieveLevel=STUDY")
KEYS = (*LEVEL, "-k", "PatientName", "-k", "PatientID")
ACCEPTED = pdu.AssociateAC((ContextResult(1, 0, EXPLICIT),)).encode()


def patient(number: int, **more: Any) -> Dataset:
    found = Dataset()
    found.PatientName = f"DOE^{number}"
    found.PatientID = str(number)
    for keyword, value in more.items():
        setattr(found, keyword, value)
    return found


class Answering:
    """A handler that finds three patients and remembers what it was asked."""

    def __init__(self, found: Callable[[Dataset], Iterator[Any]] | None = None) -> None:
        self.asked: list[Dataset] = []
        self.contexts: list[tuple[str, str]] = []
        self._found = found or (lambda _: map(patient, range(1, 4)))

    def __call__(self, keys: Dataset, operation: Operation) -> Iterator[Any]:
        self.asked.append(keys)
        self.contexts.append((operation.context.abstract_syntax, operation.context.transfer_syntax))
        return self._found(keys)


def find(tool: Tool, handler: Callable[..., Any], *words: object, **options: Any) -> Ran:
    with SCP("PEER", [Query(handler, **options), Verification()]).running() as running:
        return tool("findscu", "127.0.0.1", running.port, *words)


def test_lines_for_programs(tool: Tool) -> None:
    handler = Answering()
    ran = find(tool, handler, *KEYS)
    assert ran.code == 0
    assert ran.out == "PatientName\tPatientID\nDOE^1\t1\nDOE^2\t2\nDOE^3\t3\n"
    assert ran.err.startswith("3 matches at ANY-SCP@127.0.0.1:")
    (asked,) = handler.asked
    assert [(each.keyword, each.value) for each in asked] == [
        ("QueryRetrieveLevel", "STUDY"),
        ("PatientName", ""),
        ("PatientID", ""),
    ]
    assert handler.contexts == [(STUDY_FIND, EXPLICIT)]


def test_records(tool: Tool) -> None:
    ran = find(tool, Answering(), "--json", *KEYS)
    assert [record["record"] for record in ran.records] == ["match"] * 3 + ["response", "summary"]
    for record in ran.records:
        assert list(record) == documented("findscu", record["record"])
    assert ran.records[0] == {
        "record": "match",
        "request": 1,
        "number": 1,
        "status": "0xFF00",
        "dataset": {
            "00080052": {"vr": "CS", "Value": ["STUDY"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "DOE^1"}]},
            "00100020": {"vr": "LO", "Value": ["1"]},
        },
        "files": [],
    }
    assert ran.records[3] == {"record": "response", "request": 1, "status": "0x0000", "error": "", "matches": 3}
    assert (ran.summary["matches"], ran.summary["requests"], ran.summary["exit_code"]) == (3, 1, 0)
    assert ran.err == ""


def test_nothing_of_what_is_found_is_in_the_log(tool: Tool) -> None:
    ran = find(tool, Answering(), "-v", "-sr", *KEYS)
    assert "DOE" not in ran.out + ran.err
    assert [line.split(" ", 1)[0] for line in ran.err.splitlines()] == ["I:"] * 5 + ["3"]


def test_shown_whole(tool: Tool) -> None:
    ran = find(tool, Answering(lambda _: iter([patient(7)])), "+sr", *KEYS)
    assert ran.out.splitlines() == [
        "# request 1, response 1: 0xFF00 (pending: Pending)",
        "(0008,0052) CS [STUDY]                                  # 1 QueryRetrieveLevel",
        "(0010,0010) PN [DOE^7]                                  # 1 PatientName",
        "(0010,0020) LO [7]                                      # 1 PatientID",
    ]


def test_quiet(tool: Tool) -> None:
    assert find(tool, Answering(), "-q", *KEYS) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "uid"),
    [
        (["-W"], WORKLIST),
        ([], WORKLIST),
        (["-P"], "1.2.840.10008.5.1.4.1.2.1.1"),
        (["-S"], STUDY_FIND),
        (["-O"], "1.2.840.10008.5.1.4.1.2.3.1"),
        (["--model", "hanging-protocol"], "1.2.840.10008.5.1.4.38.2"),
        (["--model", "1.2.840.10008.5.1.4.34.6.3"], "1.2.840.10008.5.1.4.34.6.3"),
    ],
)
def test_models(tool: Tool, words: list[str], uid: str) -> None:
    handler = Answering()
    ran = find(tool, handler, *words, "-k", "QueryRetrieveLevel=STUDY", models=[uid])
    assert (ran.code, [name for name, _ in handler.contexts]) == (0, [uid])


@pytest.mark.parametrize(
    ("option", "syntax"),
    [
        ("-xe", EXPLICIT),
        ("-xi", "1.2.840.10008.1.2"),
        ("-xb", "1.2.840.10008.1.2.2"),
        ("-xd", "1.2.840.10008.1.2.1.99"),
    ],
)
def test_transfer_syntaxes(tool: Tool, option: str, syntax: str) -> None:
    handler = Answering()
    with Scripted([pdu.AssociateRJ(1, 1, 1).encode()]) as peer:
        tool("findscu", option, "127.0.0.1", peer.port, *KEYS)
    request = pdu.decode(peer.heard[0])
    assert isinstance(request, pdu.AssociateRQ)
    assert request.presentation_contexts[0].transfer_syntaxes[0] == syntax
    assert find(tool, handler, option, *KEYS).out.count("DOE") == 3


def test_a_worklist_s_columns_lead_into_sequences(tool: Tool) -> None:
    def scheduled(_: Dataset) -> Iterator[Dataset]:
        found = patient(1)
        found.ScheduledProcedureStepSequence = [Dataset(), Dataset()]
        for item, modality in zip(found.ScheduledProcedureStepSequence, ("CT", "MR"), strict=True):
            item.Modality = modality
        yield found

    handler = Answering(scheduled)
    words = ("-k", "ScheduledProcedureStepSequence[0].Modality=CT", "-k", "(0040,0100)[0].(0040,0001)")
    ran = find(tool, handler, "-k", "PatientName=DOE*", *words)
    assert ran.out.splitlines() == [
        "PatientName\tScheduledProcedureStepSequence.Modality\tScheduledProcedureStepSequence.ScheduledStationAETitle",
        "DOE^1\tCT / MR\t / ",
    ]
    assert handler.asked[0].ScheduledProcedureStepSequence[0].Modality == "CT"


def test_several_queries_on_one_association(tool: Tool, tmp_path: Path) -> None:
    bare = element((0x0008, 0x0052), "CS", "STUDY ") + element((0x0010, 0x0020), "LO", "bare")
    (tmp_path / "bare").write_bytes(bare)
    (tmp_path / "file").write_bytes(file_meta("1.2.3", "1.2.4", EXPLICIT) + bare.replace(b"bare", b"file"))
    (tmp_path / "json").write_text(
        json.dumps([{"00080052": {"vr": "CS", "Value": ["STUDY"]}, "00100020": {"vr": "LO", "Value": ["json"]}}] * 2)
    )
    (tmp_path / "text").write_text("# a remark\n\n  QueryRetrieveLevel=STUDY\nPatientID=text\n")
    implicit = element((0x0008, 0x0052), "CS", "STUDY ", syntax="1.2.840.10008.1.2")
    (tmp_path / "implicit").write_bytes(implicit)
    big = element((0x0008, 0x0052), "CS", "STUDY ", syntax="1.2.840.10008.1.2.2")
    (tmp_path / "big").write_bytes(big)
    handler = Answering()
    files = [tmp_path / name for name in ("bare", "file", "json", "text", "implicit", "big")]
    ran = find(tool, handler, "--json", "-S", "-k", "StudyDate=20200101", *files)
    assert [asked.get("PatientID") for asked in handler.asked] == ["bare", "file", "json", "json", "text", None, None]
    assert {asked.StudyDate for asked in handler.asked} == {"20200101"}
    assert (ran.code, ran.summary["requests"], ran.summary["matches"]) == (0, 7, 21)


def test_a_key_stands_above_the_file(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("QueryRetrieveLevel=STUDY\nPatientID=1\n")
    handler = Answering()
    find(tool, handler, "-S", "-k", "PatientID=2", tmp_path / "text", "--repeat", 2)
    assert [asked.PatientID for asked in handler.asked] == ["2", "2"]


BAD: list[tuple[bytes | None, str]] = [
    (None, "No such file"),
    (b"", "is empty"),
    (b"{", "is no DICOM JSON (PS3.18 F.2), line 1"),
    (b'{"00100020": 5}', "is no DICOM JSON"),
    (b"PatientID\nPatientNam=secret", "line 2: PatientNam: PatientNam is no keyword"),
    (b"\xff\xfe\xfd\0 nothing that is known", "is neither a DICOM file"),
    (b"\0" * 40, "is neither a DICOM file"),
    (b"\x08\0\x05\0CS\xff\xffsecret", "the data set"),
]


@pytest.mark.parametrize(("content", "said"), BAD)
def test_bad_query_files(tool: Tool, tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "bad").write_bytes(content)
    (tmp_path / "good").write_text("QueryRetrieveLevel=STUDY")
    handler = Answering()
    ran = find(tool, handler, "-S", tmp_path / "bad", tmp_path / "good")
    assert (ran.code, len(handler.asked)) == (22, 1)
    assert f"E: not asked file={tmp_path}/bad why=" in ran.err
    assert said in ran.err
    assert "secret" not in ran.err
    assert tool("findscu", "127.0.0.1", free_port(), tmp_path / "bad").code == 23


def test_a_key_without_its_option_is_taken_for_a_file(tool: Tool) -> None:
    ran = tool("findscu", "127.0.0.1", free_port(), "PatientID=1")
    assert ran.code == 23
    assert 'file=PatientID=1 why="No such file or directory; a key is given with -k"' in ran.err


def test_a_query_file_that_is_an_image_by_mistake(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_files, "MAXIMUM_BYTES", 1 << 20)
    (tmp_path / "large").write_bytes(bytes((1 << 20) + 1))
    ran = tool("findscu", "127.0.0.1", free_port(), tmp_path / "large")
    assert ran.code == 23
    assert "larger than 1 MiB" in ran.err


def test_nothing_asked_and_wrong_keys(tool: Tool) -> None:
    for words, said in [
        ((), "nothing is asked"),
        (("-k", "PatientNam=secret"), "-k PatientNam: PatientNam is no keyword"),
        (("-k", "PatientID", "--model", "heart"), "--model: no model 'heart'"),
        (("-k", "PatientID", "--model", "composite"), "--model: no model 'composite'"),
    ]:
        ran = tool("findscu", "127.0.0.1", free_port(), *words)
        assert (ran.code, ran.out) == (2, "")
        assert said in ran.err
        assert "secret" not in ran.err


def test_an_identifier_that_cannot_be_encoded(tool: Tool) -> None:
    handler = Answering()
    ran = find(tool, handler, *KEYS, "-k", "SpecificCharacterSet=ISO_IR 100", "-k", "PatientName=神经病*")
    assert (ran.code, handler.asked) == (22, [])
    assert "cannot be encoded" in ran.err
    assert "神" not in ran.err


def test_extracted(tool: Tool, tmp_path: Path) -> None:
    def images(_: Dataset) -> Iterator[Dataset]:
        yield patient(1, SOPClassUID="1.2.840.10008.5.1.4.1.1.2", SOPInstanceUID="1.2.3")
        yield patient(2)

    words = ("-X", "-Xx", "-Xs", "all.xml", "-od", tmp_path)
    ran = find(tool, Answering(images), "--json", *words, *KEYS, "--repeat", 2, "-Xlo", 3)
    assert ran.code == 0
    names = [f"rsp000{n}.{kind}" for n in (1, 2, 3) for kind in ("dcm", "xml")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.xml", *names]
    assert [record["files"] for record in ran.records if record["record"] == "match"] == [
        *([str(tmp_path / f"rsp000{n}.{kind}") for kind in ("dcm", "xml")] for n in (1, 2, 3)),
        [],
    ]
    first, second = (peek(tmp_path / f"rsp000{n}.dcm") for n in (1, 2))
    assert (first.sop_class_uid, first.sop_instance_uid) == ("1.2.840.10008.5.1.4.1.1.2", "1.2.3")
    assert (second.sop_class_uid, second.transfer_syntax_uid) == (STUDY_FIND, EXPLICIT)
    assert second.sop_instance_uid.startswith("2.25.")
    assert (tmp_path / "rsp0002.dcm").read_bytes()[second.dataset_offset :] == (
        element((0x0008, 0x0052), "CS", "STUDY")
        + element((0x0010, 0x0010), "PN", "DOE^2")
        + element((0x0010, 0x0020), "LO", "2")
    )
    root = ET.fromstring((tmp_path / "all.xml").read_bytes())  # noqa: S314  # our own
    assert (root.tag, root.attrib, len(root)) == ("responses", {"type": "C-FIND"}, 3)
    assert find(tool, Answering(), "-X", "-od", tmp_path, *KEYS).out == ""


def test_files_that_cannot_be_written(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "rsp0002.dcm").mkdir()
    ran = find(tool, Answering(), "-X", "-od", tmp_path, *KEYS)
    assert ran.code == 43
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rsp0001.dcm", "rsp0002.dcm", "rsp0003.dcm"]
    assert "E: not written file=" in ran.err
    assert tool("findscu", "-Xs", "all.xml", "-od", tmp_path, "127.0.0.1", free_port(), *KEYS).code == 60
    assert not (tmp_path / "all.xml").exists()
    ran = tool("findscu", "-X", "-od", tmp_path / "none", "127.0.0.1", free_port(), *KEYS)
    assert ran.code == 45
    assert "(-od)" in ran.err


def test_cancel(tool: Tool) -> None:
    def endless(_: Dataset) -> Iterator[Dataset]:
        number = 0
        while True:
            number += 1
            yield patient(number)

    ran = find(tool, Answering(endless), "--json", "--cancel", 5, *KEYS)
    assert ran.code == 75
    assert ran.records[-2]["status"] == "0xFE00"
    assert ran.summary["matches"] >= 5


def test_a_failure_and_what_the_peer_says_to_it(tool: Tool) -> None:
    def failing(_: Dataset) -> Iterator[Any]:
        yield patient(1)
        yield (0xA700, None)

    ran = find(tool, Answering(failing), *KEYS, "--repeat", 2)
    assert (ran.code, ran.out.count("DOE^1")) == (69, 2)
    assert ran.err.count("E: received final C-FIND response") == 2
    assert "0xA700 (failure: " in ran.err
    ran = find(tool, Answering(), "-S", "-k", "QueryRetrieveLevel=NONE")
    assert ran.code == 69
    assert 'comment="Query/Retrieve Level is none of STUDY, SERIES, IMAGE"' in ran.err


def test_no_context(tool: Tool) -> None:
    ran = find(tool, Answering(), "-P", *KEYS[1:], models=["study"])
    assert ran.code == 65
    assert "1.2.840.10008.5.1.4.1.2.1.1" in ran.err


def test_what_else_goes_wrong(tool: Tool) -> None:
    ran = tool("findscu", "--json", "127.0.0.1", free_port(), *KEYS)
    assert (ran.code, ran.summary["exit_code"], len(ran.records)) == (60, 60, 1)
    for answer, words, code in [
        (USER_ABORT, [], 70),
        (PROVIDER_ABORT, [], 72),
        (CLOSE, [], 73),
        (HOLD, ["-td", "0.3"], 74),
    ]:
        with Scripted([ACCEPTED, answer]) as peer:
            ran = tool("findscu", *words, "127.0.0.1", peer.port, *KEYS)
        assert ran.code == code
        assert ran.err.startswith("E: ")


def test_abort_at_the_end(tool: Tool) -> None:
    assert find(tool, Answering(), "-v", "--abort", *KEYS).err.count("aborting association") == 1


def test_extended_negotiation(tool: Tool) -> None:
    every = ("--relational", "--date-time-matching", "--fuzzy-names", "--time-zone", "--enhanced")
    every += ("--empty-values", "--multiple-values")
    with Scripted([pdu.AssociateRJ(1, 1, 1).encode()]) as peer:
        assert tool("findscu", "127.0.0.1", peer.port, *KEYS, *every).code == 61
    request = pdu.decode(peer.heard[0])
    assert isinstance(request, pdu.AssociateRQ)
    (item,) = request.user_information.extended_negotiations
    assert (item.sop_class_uid, item.information) == (STUDY_FIND, b"\1\1\1\1\1\1\1")
    ran = find(tool, Answering(), "--relational", "--fuzzy-names", *KEYS, extension=QueryExtension(relational=True))
    assert (ran.code, ran.err.splitlines()[0]) == (0, "W: the peer does not grant --fuzzy-names")


# How it is shown


def test_what_suits_whoever_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    assert isinstance(view(io.StringIO()), Lines)
    terminal = Terminal()
    table = view(terminal)
    assert isinstance(table, Table)
    table.begin(columns(patient(1)))
    table.end()
    assert terminal.getvalue() == ""
    table.add(patient(1, PatientID="[bold]1"))
    table.end()
    assert [line.split() for line in terminal.getvalue().splitlines()][1::2] == [
        ["PatientName", "PatientID"],
        ["DOE^1", "[bold]1"],
    ]


def test_no_control_character_reaches_a_terminal() -> None:
    found = patient(1, PatientComments="\x1b[31m\r\n\tred", OtherPatientIDsSequence=[Dataset()])
    lines = [*dump_lines(found), cell(found, [0x00104000])]
    assert all(line.isprintable() for line in lines)
    assert lines[-1] == "\\x1b[31m\\r\\n\\tred"
    assert "(0010,1002) SQ 1 items" in "\n".join(lines)


def test_values_in_cells() -> None:
    found = Dataset()
    found.ModalitiesInStudy = ["CT", "MR"]
    found.FrameIncrementPointer = 0x00181063
    found.add_new(0x00091001, "UN", b"text\0")
    found.add_new(0x00091002, "UN", b"\1\2\3")
    found.ReferencedStudySequence = []
    assert [cell(found, column.path) for column in columns(found)] == ["CT\\MR", "", "text", "3 bytes", "(0018,1063)"]
    assert [column.title for column in columns(found)][2:4] == ["(0009,1001)", "(0009,1002)"]
    assert cell(found, [0x00100010]) == ""
    assert cell(found, [0x00080061, 0x00100010]) == ""


def test_native_xml() -> None:
    """PS3.19 A.1.3: an attribute of each kind."""
    found = patient(1, PatientName="Yamada^Tarou=山田^太郎=やまだ", ImageType=["A", "", "B"], PixelData=b"\0\1")
    found.FrameIncrementPointer = 0x00181063
    found["PixelData"].VR = "OB"
    found.ReferencedStudySequence = [patient(2)]
    found.PatientComments = "a\x1bb"
    found.PatientSize = None
    block = found.private_block(0x0009, "OURS", create=True)
    block.add_new(1, "SH", "mine")
    root = ET.fromstring(document(responses([model(found)])))  # noqa: S314  # our own
    space = {"n": "http://dicom.nema.org/PS3.19/models/NativeDICOM"}

    def texts(path: str) -> list[str | None]:
        return [each.text for each in root.findall(f"n:NativeDicomModel/{path}", space)]

    assert texts("n:DicomAttribute[@keyword='ImageType']/n:Value") == ["A", None, "B"]
    assert texts("n:DicomAttribute[@tag='00100010']/n:PersonName/n:Ideographic/n:FamilyName") == ["山田"]
    assert texts("n:DicomAttribute[@tag='00100010']/n:PersonName/n:Phonetic/n:FamilyName") == ["やまだ"]
    assert texts("n:DicomAttribute[@vr='OB']/n:InlineBinary") == ["AAE="]
    assert texts("n:DicomAttribute[@vr='AT']/n:Value") == ["00181063"]
    assert texts("n:DicomAttribute[@vr='SQ']/n:Item/n:DicomAttribute[@keyword='PatientID']/n:Value") == ["2"]
    assert texts("n:DicomAttribute[@privateCreator='OURS']/n:Value") == ["mine"]
    assert texts("n:DicomAttribute[@keyword='PatientComments']/n:Value") == ["a\ufffdb"]
    assert texts("n:DicomAttribute[@keyword='PatientSize']/*") == []


def test_native_xml_of_names_with_gaps() -> None:
    found = patient(1, PatientName="=山田^^太郎")
    found.add_new(0x00091001, "UN", b"")
    root = model(found)
    (name,) = root.iter("PersonName")
    assert [[(part.tag, part.text) for part in group] for group in name] == [
        [("FamilyName", "山田"), ("MiddleName", "太郎")]
    ]
    assert [child.tag for child in root[0]] == []


def test_a_response_without_an_identifier(tool: Tool) -> None:
    class Bare(Query):
        def perform(self, operation: Operation) -> Any:
            def answers() -> Iterator[Response]:
                yield operation.request.response(0xFF00)

            return answers()

    with SCP("PEER", [Bare(Answering())]).running() as running:
        ran = tool("findscu", "127.0.0.1", running.port, "-X", *KEYS)
    assert ran.code == 1
    assert "E: a response cannot be read" in ran.err
