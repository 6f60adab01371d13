"""`dulcet dump`: a hand-made association in full, everything that may be wrong with a stream, and any bytes at all."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dulcet.dimse import messages as dimse
from dulcet.dimse.fragments import fragment
from dulcet.dul.items import (
    AsynchronousOperationsWindow,
    CommonExtendedNegotiation,
    ContextResult,
    ExtendedNegotiation,
    ProposedContext,
    RoleSelection,
    UserIdentity,
    UserIdentityResponse,
    UserInformation,
)
from dulcet.dul.pdu import PDV, Abort, AssociateAC, AssociateRJ, AssociateRQ, PDataTF, ReleaseRP, ReleaseRQ
from dulcet.dul.strategies import corrupted, pdus
from dulcet.tools import cli
from dulcet.tools.pdu_record import Recorder
from dulcet.tools.pdu_source import HexText, HexTextError, pieces
from dulcet.tools.pdu_text import hexdump, lines
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parent.parent
VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
PATIENT = b"DOE^JOHN"

REQUEST = AssociateRQ(
    "STORE",
    "ME",
    (
        ProposedContext(1, VERIFICATION, (IMPLICIT,)),
        ProposedContext(3, CT, (EXPLICIT, "1.2.3")),
        ProposedContext(5, "1.2.4", (IMPLICIT,)),
    ),
    UserInformation(
        16384,
        "1.2.5",
        "THEIRS",
        AsynchronousOperationsWindow(0, 1),
        (RoleSelection(CT, True, False),),
        (ExtendedNegotiation(CT, b"\1\2"),),
        (CommonExtendedNegotiation(CT, "1.2.840.10008.4.2", ("1.2.6",)),),
        UserIdentity(2, b"M\xc3\xbcller\x1b", b"secret", True),
    ),
)
ACCEPTANCE = AssociateAC(
    (ContextResult(1, 0, IMPLICIT), ContextResult(3, 0, EXPLICIT), ContextResult(5, 3)),
    UserInformation(0, "1.2.7", None, user_identity_response=UserIdentityResponse(b"")),
    echo=REQUEST.echo,
)
ECHO = dimse.C_ECHO_RQ(affected_sop_class_uid=VERIFICATION, message_id=1)
STORE = dimse.C_STORE_RQ(
    affected_sop_class_uid=CT, message_id=2, priority=dimse.HIGH, affected_sop_instance_uid="1.2.8"
)


def p_data(context_id: int, command: bytes, dataset: bytes | None = None, maximum_length: int = 0) -> bytes:
    """A message, one P-DATA-TF a fragment."""
    pdvs = fragment(context_id, command, dataset, maximum_length)
    return b"".join([PDataTF((pdv,)).encode() for pdv in pdvs])


ASSOCIATION = b"".join(
    [
        REQUEST.encode(),
        ACCEPTANCE.encode(),
        p_data(1, ECHO.encode()),
        p_data(1, ECHO.response(0x0000).encode()),
        p_data(3, STORE.encode(), PATIENT * 10, 66),
        p_data(3, STORE.response(0xA700, error_comment="no room").encode()),
        ReleaseRQ().encode(),
        ReleaseRP().encode(),
        AssociateRJ(1, 1, 7).encode(),
        AssociateRJ(2, 3, 2).encode(),
        Abort(0, 0).encode(),
        Abort(2, 6).encode(),
    ]
)

GOLDEN = """\
#1  offset 0  A-ASSOCIATE-RQ  PDU-length 438
    Protocol-version                           1
    Called-AE-title                            STORE
    Calling-AE-title                           ME
    Application Context                        1.2.840.10008.3.1.1.1 (DICOM Application Context Name)
    Presentation Context 1
        Abstract Syntax                        1.2.840.10008.1.1 (Verification SOP Class)
        Transfer Syntax                        1.2.840.10008.1.2 (Implicit VR Little Endian)
    Presentation Context 3
        Abstract Syntax                        1.2.840.10008.5.1.4.1.1.2 (CT Image Storage)
        Transfer Syntax                        1.2.840.10008.1.2.1 (Explicit VR Little Endian)
        Transfer Syntax                        1.2.3
    Presentation Context 5
        Abstract Syntax                        1.2.4
        Transfer Syntax                        1.2.840.10008.1.2 (Implicit VR Little Endian)
    User Information
        Maximum Length                         16384
        Implementation Class UID               1.2.5
        Asynchronous Operations Window         invoked unlimited, performed 1
        SCP/SCU Role Selection                 1.2.840.10008.5.1.4.1.1.2 (CT Image Storage)
            SCU-role, SCP-role                 1, 0
        Implementation Version Name            THEIRS
        SOP Class Extended Negotiation         1.2.840.10008.5.1.4.1.1.2 (CT Image Storage)
            Application information            0102
        SOP Class Common Extended Negotiation  1.2.840.10008.5.1.4.1.1.2 (CT Image Storage)
            Service-class-uid                  1.2.840.10008.4.2 (Storage Service Class)
            Related-general-sop-class          1.2.6
        User Identity                          2 (user name and passcode)
            Positive-response-requested        1
            Primary-field                      Müller\\x1b
            Secondary-field                    6 bytes, not shown, --show-secrets does

#2  offset 444  A-ASSOCIATE-AC  PDU-length 209
    Protocol-version                           1
    Application Context                        1.2.840.10008.3.1.1.1 (DICOM Application Context Name)
    Presentation Context 1                     0 (acceptance)
        Abstract Syntax                        1.2.840.10008.1.1 (Verification SOP Class)
        Transfer Syntax                        1.2.840.10008.1.2 (Implicit VR Little Endian)
    Presentation Context 3                     0 (acceptance)
        Abstract Syntax                        1.2.840.10008.5.1.4.1.1.2 (CT Image Storage)
        Transfer Syntax                        1.2.840.10008.1.2.1 (Explicit VR Little Endian)
    Presentation Context 5                     3 (abstract-syntax-not-supported (provider rejection))
        Abstract Syntax                        1.2.4
    User Information
        Maximum Length                         0 (unlimited)
        Implementation Class UID               1.2.7
        User Identity, Server-response         empty

#3  offset 659  P-DATA-TF  PDU-length 74
    PDV: context 1 (Verification SOP Class, Implicit VR Little Endian), command, last, 68 bytes
        C-ECHO-RQ
            (0000,0002) AffectedSOPClassUID                  1.2.840.10008.1.1 (Verification SOP Class)
            (0000,0100) CommandField                         0030H (C-ECHO-RQ)
            (0000,0110) MessageID                            1
            (0000,0800) CommandDataSetType                   0101H (no data set follows)

#4  offset 739  P-DATA-TF  PDU-length 84
    PDV: context 1 (Verification SOP Class, Implicit VR Little Endian), command, last, 78 bytes
        C-ECHO-RSP
            (0000,0002) AffectedSOPClassUID                  1.2.840.10008.1.1 (Verification SOP Class)
            (0000,0100) CommandField                         8030H (C-ECHO-RSP)
            (0000,0120) MessageIDBeingRespondedTo            1
            (0000,0800) CommandDataSetType                   0101H (no data set follows)
            (0000,0900) Status                               0000H (success: Success)

#5  offset 829  P-DATA-TF  PDU-length 66
    PDV: context 3 (CT Image Storage, Explicit VR Little Endian), command, 60 bytes

#6  offset 901  P-DATA-TF  PDU-length 46
    PDV: context 3 (CT Image Storage, Explicit VR Little Endian), command, last, 40 bytes
        C-STORE-RQ
            (0000,0002) AffectedSOPClassUID                  1.2.840.10008.5.1.4.1.1.2 (CT Image Storage)
            (0000,0100) CommandField                         0001H (C-STORE-RQ)
            (0000,0110) MessageID                            2
            (0000,0700) Priority                             1 (HIGH)
            (0000,0800) CommandDataSetType                   0001H (a data set follows)
            (0000,1000) AffectedSOPInstanceUID               1.2.8

#7  offset 953  P-DATA-TF  PDU-length 66
    PDV: context 3 (CT Image Storage, Explicit VR Little Endian), data set, 60 bytes

#8  offset 1025  P-DATA-TF  PDU-length 26
    PDV: context 3 (CT Image Storage, Explicit VR Little Endian), data set, last, 20 bytes
        ends the data set of a C-STORE-RQ: 80 bytes in 2 fragments

#9  offset 1057  P-DATA-TF  PDU-length 122
    PDV: context 3 (CT Image Storage, Explicit VR Little Endian), command, last, 116 bytes
        C-STORE-RSP
            (0000,0002) AffectedSOPClassUID                  1.2.840.10008.5.1.4.1.1.2 (CT Image Storage)
            (0000,0100) CommandField                         8001H (C-STORE-RSP)
            (0000,0120) MessageIDBeingRespondedTo            2
            (0000,0800) CommandDataSetType                   0101H (no data set follows)
            (0000,0900) Status                               A700H (failure: Refused: Out of Resources)
            (0000,0902) ErrorComment                         no room
            (0000,1000) AffectedSOPInstanceUID               1.2.8

#10  offset 1185  A-RELEASE-RQ  PDU-length 4

#11  offset 1195  A-RELEASE-RP  PDU-length 4

#12  offset 1205  A-ASSOCIATE-RJ  PDU-length 4
    Result                                     1 (rejected-permanent)
    Source                                     1 (DICOM UL service-user)
    Reason/Diag.                               7 (called-AE-title-not-recognized)

#13  offset 1215  A-ASSOCIATE-RJ  PDU-length 4
    Result                                     2 (rejected-transient)
    Source                                     3 (DICOM UL service-provider (Presentation related function))
    Reason/Diag.                               2 (local-limit-exceeded)

#14  offset 1225  A-ABORT  PDU-length 4
    Source                                     0 (DICOM UL service-user (initiated abort))
    Reason/Diag.                               0 (not significant)

#15  offset 1235  A-ABORT  PDU-length 4
    Source                                     2 (DICOM UL service-provider (initiated abort))
    Reason/Diag.                               6 (invalid-PDU-parameter value)

15 PDUs, 1245 bytes: all of it makes sense
"""


def text_of(data: bytes, **options: bool) -> str:
    recorder = Recorder(**options)
    found = enumerate(pieces(io.BytesIO(data)), 1)
    return "\n".join(line for number, piece in found for line in lines(number, recorder.record(piece)))


def records_of(data: bytes, **options: bool) -> list[dict[str, Any]]:
    recorder = Recorder(**options)
    return [json.loads(json.dumps(recorder.record(piece))) for piece in pieces(io.BytesIO(data))]


def problems_of(data: bytes) -> list[list[str]]:
    return [record["problems"] for record in records_of(data)]


def run(capsys: pytest.CaptureFixture[str], path: Path | str, *words: str) -> tuple[int, str, str]:
    code = cli.main(["dump", *words, str(path)], "dulcet")
    out, err = capsys.readouterr()
    return code, out, err


# ---- an association ----


def test_an_association_in_words(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "association"
    path.write_bytes(ASSOCIATION)
    assert run(capsys, path) == (0, GOLDEN, "")


def test_an_association_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "association"
    path.write_bytes(ASSOCIATION)
    code, out, err = run(capsys, path, "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert (code, err, len(records)) == (0, "", 15)
    assert {record["verdict"] for record in records} == {"ok"}
    assert records[0]["presentation_contexts"][0] == {
        "id": 1,
        "abstract_syntax": {"uid": VERIFICATION, "name": "Verification SOP Class"},
        "transfer_syntaxes": [{"uid": IMPLICIT, "name": "Implicit VR Little Endian"}],
    }
    assert records[6]["pdvs"] == [
        {
            "context_id": 3,
            "abstract_syntax": {"uid": CT, "name": "CT Image Storage"},
            "transfer_syntax": {"uid": EXPLICIT, "name": "Explicit VR Little Endian"},
            "kind": "data set",
            "last": False,
            "length": 60,
            "data_set": None,
        }
    ]
    assert records[7]["pdvs"][0]["data_set"] == {"of": "C-STORE-RQ", "fragments": 2, "length": 80}
    assert records[14]["reason"] == {"code": 6, "means": "invalid-PDU-parameter value"}
    assert sum(6 + record["length"] for record in records) == len(ASSOCIATION)


def test_the_directions_one_behind_the_other() -> None:
    from_acceptor = ACCEPTANCE.encode() + p_data(1, ECHO.response(0).encode())
    from_requestor = REQUEST.encode() + p_data(1, ECHO.encode())
    both = {"abstract_syntax": "Verification SOP Class", "transfer_syntax": "Implicit VR Little Endian"}
    for stream, first, second in (
        (from_acceptor + from_requestor, both | {"abstract_syntax": None}, both),
        (from_requestor + from_acceptor, both | {"transfer_syntax": None}, both),
    ):
        records = records_of(stream)
        pdvs = [record["pdvs"][0] for record in records if record["type"] == 4]
        known = [{key: pdv[key] and pdv[key]["name"] for key in both} for pdv in pdvs]
        assert known == [first, second]
        assert not any(record["problems"] for record in records)


def test_a_new_request_forgets_the_acceptance_before_it() -> None:
    stream = REQUEST.encode() + ACCEPTANCE.encode() + REQUEST.encode() + p_data(5, ECHO.encode())
    record = records_of(stream)[-1]
    assert record["problems"] == []
    assert record["pdvs"][0]["transfer_syntax"] is None


def test_a_command_between_the_fragments_of_a_data_set_is_the_other_direction_s() -> None:
    request = p_data(3, STORE.encode(), PATIENT * 10, 66)
    answer = p_data(3, STORE.response(0).encode())
    last = 26 + 6
    assert not any(problems_of(request[:-last] + answer + request[-last:]))


# ---- what is not shown ----


def test_no_patient_s_data_and_no_secret_but_on_demand(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "association"
    path.write_bytes(ASSOCIATION)
    for words in ([], ["--json"]):
        _, out, _ = run(capsys, path, *words)
        assert "DOE" not in out
        assert PATIENT.hex() not in out
        assert "secret\n" not in out
        assert '"secret"' not in out
    assert "Secondary-field" in (shown := run(capsys, path, "--show-secrets")[1])
    assert " secret\n" in shown
    assert '"text": "secret"' in run(capsys, path, "--show-secrets", "--json")[1]
    assert "DOE^JOHN" in run(capsys, path, "--hex")[1]
    assert PATIENT.hex() in run(capsys, path, "--hex", "--json")[1]


@pytest.mark.parametrize("kind", [3, 4, 5])
def test_what_proves_an_identity_is_secret(kind: int) -> None:
    identity = UserIdentity(kind, b"\xffproof")
    stream = AssociateRQ("A", "B", REQUEST.presentation_contexts, UserInformation(user_identity=identity)).encode()
    assert records_of(stream)[0]["user_information"]["user_identity"]["primary"] == {"length": 6, "text": None}
    assert "6 bytes, not shown" in text_of(stream)
    assert "\\xffproof" in text_of(stream, show_secrets=True)
    answer = AssociateAC((), UserInformation(user_identity_response=UserIdentityResponse(b"proof"))).encode()
    assert "proof" not in text_of(answer)
    assert "proof" in text_of(answer, show_secrets=True)


def test_a_malformed_request_keeps_its_secrets_too() -> None:
    stream = REQUEST.encode().replace(b"\x20\0\0\x2e\1", b"\x20\0\0\x2e\2", 1)
    (record,) = records_of(stream)
    assert record["problems"] == ["malformed: presentation-context-ID 2 is not odd (PS3.8 Tables 9-13, 9-18)"]
    assert {"field": "Called-AE-title", "offset": 10, "length": 16, "hex": b"STORE           ".hex()} in record[
        "fields"
    ]
    assert record["fields"][-1]["field"] == "User Information/User Identity (A-ASSOCIATE-RQ)/value"
    assert record["fields"][-1]["hex"] is None
    assert b"secret".hex() not in json.dumps(record)
    assert "User Identity (A-ASSOCIATE-RQ)/value: not shown" in text_of(stream)


def test_nothing_of_a_peer_talks_to_the_terminal() -> None:
    comment = b"\x1b[2J\x07"
    elements = ECHO.response(0x0110, error_comment="_" * 6).encode().replace(b"_" * 6, comment.ljust(6))
    assert text_of(p_data(1, elements)).replace("\n", "").isprintable()
    assert "\\x1b[2J" in text_of(p_data(1, elements))


# ---- what does not make sense ----


def test_an_unknown_type_is_passed_over() -> None:
    first, second = problems_of(b"\x09\0\0\0\0\3abc" + ReleaseRQ().encode())
    assert first == [
        "PDU-type 09H, but 01H to 07H expected (PS3.8 9.3.1); it begins with 09 00 00 00 00 03, 3 bytes skipped"
    ]
    assert second == []


def test_a_malformed_pdu_is_passed_over() -> None:
    stream = b"\5\0\0\0\0\5abcde" + b"\3\0\0\0\0\4\0\1\1\4" + b"\4\0\0\0\0\5\0\0\0\7\1" + ReleaseRP().encode()
    assert problems_of(stream) == [
        ["malformed: A-RELEASE-RQ of length 5, not 4 (PS3.8 9.3)"],
        ["malformed: A-ASSOCIATE-RJ with AssociateRJ(result=1, source=1, reason=4) (PS3.8 Table 9-21)"],
        ["malformed: P-DATA-TF: 5 bytes where a PDV should be (PS3.8 9.3.5)"],
        [],
    ]
    assert "abcde" not in text_of(stream)
    assert b"abcde".hex() not in json.dumps(records_of(stream))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("05 00 00000401", "but an A-RELEASE-RQ has 4 (PS3.8 Table 9-24)"),
        ("07 00 ffffffff", "but an A-ABORT has 4 (PS3.8 Table 9-26)"),
        ("01 00 00100001", "but an A-ASSOCIATE-RQ may have 1048576 at most (a limit of ours)"),
        ("02 00 00100001", "but an A-ASSOCIATE-AC may have 1048576 at most (a limit of ours)"),
        ("04 00 01000001", "but a P-DATA-TF may have 16777216 at most (a limit of ours)"),
        (
            "ff 00 04000001",
            "but 01H to 07H are the types (PS3.8 9.3.1), and others may have 67108864 at most (a limit of ours)",
        ),
    ],
)
def test_a_length_that_cannot_be_ends_the_dump(header: str, expected: str) -> None:
    noise = bytes.fromhex(header)
    good, bad = records_of(ReleaseRQ().encode() + noise + PATIENT * 9)
    assert good["verdict"] == "ok"
    assert (bad["offset"], bad["verdict"]) == (10, "lost")
    (problem,) = bad["problems"]
    assert problem.startswith(f"no PDU begins here, with {noise.hex(' ')}: PDU-length would be {bad['length']}, ")
    assert problem.endswith(f"{expected}; stopped")


@pytest.mark.parametrize(
    ("stream", "sentence"),
    [
        (b"\4\0", "the stream ends after 2 of the 6 bytes of a PDU header, 04 00 (PS3.8 9.3.1)"),
        (
            b"\4\0\0\0\0\x0aabc",
            "the stream ends after 9 of the 16 bytes of a P-DATA-TF that begins with 04 00 00 00 00 0a",
        ),
        (
            b"\x0f\0\0\0\0\x0a",
            "the stream ends after 6 of the 16 bytes of a PDU of unknown type 0FH that begins with 0f 00 00 00 00 0a",
        ),
    ],
)
def test_a_stream_that_ends_inside_a_pdu(stream: bytes, sentence: str) -> None:
    record = records_of(Abort().encode() + stream)[-1]
    assert (record["verdict"], record["problems"], record["offset"]) == ("truncated", [sentence], 10)
    assert f"#2  offset 10  {record['name'] or f'PDU-type {stream[0]:02X}H'}" in text_of(Abort().encode() + stream)


@pytest.mark.parametrize(
    ("stream", "what"),
    [
        (bytes.fromhex("d4c3b2a1 0200 0400"), "a capture file, not like PDUs"),
        (bytes.fromhex("0a0d0d0a 1c000000"), "a capture file, not like PDUs"),
        (bytes.fromhex("16030100ff0100"), "a TLS handshake, not like PDUs"),
        (b"HTTP/1.1 200 OK\r\n", "HTTP, not like PDUs"),
        (bytes(128) + b"DICM\2\0\0\0", "a DICOM file (PS3.10), not like PDUs"),
        (b"01 00 00 00", "hexadecimal text: --from-hex reads that"),
    ],
)
def test_what_it_may_be_instead(stream: bytes, what: str) -> None:
    assert records_of(stream)[-1]["problems"][-1] == f"the stream looks like {what}"


@pytest.mark.parametrize(
    ("pdv", "problem"),
    [
        (PDV(2, 3, ECHO.encode()), "presentation-context-ID 2 is not odd (PS3.8 Table 9-23)"),
        (PDV(5, 3, ECHO.encode()), "presentation context 5 was not accepted (PS3.8 7.1.1.14)"),
        (PDV(7, 3, ECHO.encode()), "presentation context 7 was not accepted (PS3.8 7.1.1.14)"),
        (PDV(1, 1, b"abc"), "fragment of odd length, 3, that is not the last (PS3.8 E.1)"),
        (
            PDV(1, 2, b"ab"),
            "data set fragment without a complete command that announces a data set (PS3.8 E.1)",
        ),
        (PDV(1, 1, bytes(65538)), "command set longer than 65536 bytes (a limit of ours)"),
        (
            PDV(1, 3, b"ab"),
            "command set: (0000,0000) CommandGroupLength is missing (PS3.7 6.3.1)",
        ),
        (
            PDV(1, 3, bytes.fromhex("00000000 04000000 00000000")),
            "command set: (0000,0100) CommandField is missing (PS3.7 E.1)",
        ),
    ],
)
def test_fragments_that_make_no_sense(pdv: PDV, problem: str) -> None:
    stream = REQUEST.encode() + ACCEPTANCE.encode() + PDataTF((pdv,)).encode() + ReleaseRQ().encode()
    *_, record, after = records_of(stream)
    assert (record["verdict"], record["problems"]) == ("malformed", [problem])
    assert after["verdict"] == "ok"


def test_a_command_set_that_is_no_message_is_shown_all_the_same() -> None:
    body = b"".join(
        [
            bytes.fromhex("0000 0001 02000000 ee0e"),  # (0000,0100) CommandField 0EEEH
            bytes.fromhex("0000 0201 02000000 abcd"),  # (0000,0102) no element of Table E.1-1
            bytes.fromhex("0000 0301 22000000") + bytes(34),  # (0000,0103) neither, and long
            bytes.fromhex("0000 0110 00000000"),  # (0000,1001) without value
            bytes.fromhex("0000 0510 08000000 10002000 10001000"),  # (0000,1005) two tags
        ]
    )
    stream = p_data(1, bytes.fromhex("0000 0000 04000000") + len(body).to_bytes(4, "little") + body)
    assert text_of(stream).splitlines()[1:] == [
        "    ! command set: (0000,0100) CommandField is 0EEEH, which is no message (PS3.7 E.1)",
        "    PDV: context 1, command, last, 98 bytes",
        "        unknown message",
        "            (0000,0100) CommandField                         0EEEH",
        "            (0000,0102) unknown element                      abcd",
        "            (0000,0103) unknown element                      34 bytes",
        "            (0000,1001) RequestedSOPInstanceUID",
        "            (0000,1005) AttributeIdentifierList              (0010,0020) (0010,0010)",
    ]


def test_unknown_items_are_told() -> None:
    stream = bytearray(REQUEST.encode())
    stream += bytes.fromhex("60 00 0002 abcd")
    stream[2:6] = (len(stream) - 6).to_bytes(4, "big")
    (record,) = records_of(bytes(stream))
    assert record["verdict"] == "ok"
    assert record["unknown_items"] == [{"item": "item 60H", "offset": len(stream) - 2, "length": 2}]
    assert f"unknown, 2 bytes at offset {len(stream) - 2}" in text_of(bytes(stream))


def test_exit_codes_and_the_last_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(ReleaseRQ().encode() + b"\x09\0\0\0\0\0")
    code, out, _ = run(capsys, path)
    assert code == 22
    assert out.endswith("\n\n2 PDUs, 16 bytes: it does not make sense in 1 place\n")
    path.write_bytes(b"")
    assert run(capsys, path) == (21, "", "dulcet dump: nothing to read: the input is empty\n")
    assert run(capsys, tmp_path / "none") == (21, "", f"dulcet dump: {tmp_path}/none: No such file or directory\n")
    assert run(capsys, tmp_path)[0] == 21
    assert run(capsys, path, "--nonsense")[0] == 2


def test_into_a_string(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(ReleaseRQ().encode())
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert cli.main(["dump", "--json", str(path)], "dulcet") == 0
    assert json.loads(out.getvalue())["name"] == "A-RELEASE-RQ"


def test_what_is_unfinished_at_the_end(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "stream"
    command, *rest = fragment(3, STORE.encode(), PATIENT * 10, 0)
    path.write_bytes(
        PDataTF((command,)).encode()
        + PDataTF((PDV(3, 0, rest[0].data[:20]),)).encode()
        + PDataTF((PDV(5, 1, ECHO.encode()[:10]),)).encode()
    )
    code, out, _ = run(capsys, path)
    assert code == 0
    assert out.splitlines()[-3:-1] == [
        "the stream ends before the last fragment on context 3: 20 bytes of the unfinished data set of a C-STORE-RQ",
        "the stream ends before the last fragment on context 5: 10 bytes of an unfinished command",
    ]
    path.write_bytes(PDataTF((command,)).encode() + Abort().encode())
    assert "unfinished" not in run(capsys, path)[1]


# ---- bytes in, bytes out ----


def test_hexdump() -> None:
    assert list(hexdump(0x10, bytes(range(0x38, 0x4A)))) == [
        "    00000010  38 39 3a 3b 3c 3d 3e 3f  40 41 42 43 44 45 46 47  |89:;<=>?@ABCDEFG|",
        "    00000020  48 49                                             |HI|",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "05 00 00000004 00000000",
        "0x05,0x00,0x00,0x00,0x00,0x04,0x00,0x00,0x00,0x00",
        "05:00:00:00:00:04:00:00:00:00",
        "\\x05\\x00\\x00\\x00\\x00\\x04\\x00\\x00\\x00\\x00",
        "05 # PDU-type\n00 | reserved\r\n\n00000004\t00000000\n",
        "00000000  05 00 00 00 00 04 00 00  00 00                    |..........|\n0000000a\n",
        "00000000: 0500 0000 0004 0000 0000                 beef......\n",
    ],
)
def test_hexadecimal_text(text: str) -> None:
    assert HexText(io.BytesIO(text.encode())).read(100) == ReleaseRQ().encode()


def test_hexadecimal_text_of_offsets_beyond_a_line() -> None:
    text = "00000000: 0500 0000 0004 0000  beefbeef\n00000008: 0000 0600 0000 0004  dead\n00000010: 0000 0000"
    assert HexText(io.BytesIO(text.encode())).read(100) == ReleaseRQ().encode() + ReleaseRP().encode()
    assert HexText(io.BytesIO(b"00000000 11\n")).read(100) == bytes(4) + b"\x11"
    assert HexText(io.BytesIO(b"0000\n0000\n00000004\n")).read(100) == bytes(7) + b"\4"


def test_our_hexdump_is_read_back(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(ASSOCIATION)
    _, out, _ = run(capsys, path, "--hex")
    rows = "\n".join(line for line in out.splitlines() if line.endswith("|"))
    assert HexText(io.BytesIO(rows.encode())).read(1 << 20) == ASSOCIATION


@pytest.mark.parametrize(
    ("text", "wrong"), [("05 00\nzz", "line 2: 'zz'"), ("0 5", "line 1: '0'"), ("*\n", "line 1: '*'")]
)
def test_text_that_is_not_hexadecimal(text: str, wrong: str) -> None:
    with pytest.raises(HexTextError, match="is not bytes in hexadecimal, two digits each") as raised:
        HexText(io.BytesIO(text.encode())).read(100)
    assert str(raised.value).startswith(wrong)


def test_hexadecimal_text_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ReleaseRQ().encode().hex() + "\nno"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    code, out, err = run(capsys, "-", "--from-hex")
    assert (code, err) == (22, "dulcet dump: line 2: 'no' is not bytes in hexadecimal, two digits each\n")
    assert out == "#1  offset 0  A-RELEASE-RQ  PDU-length 4\n\n"


def test_each_pdu_is_printed_as_soon_as_it_is_whole() -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "dulcet", "dump", "-"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(ReleaseRQ().encode() + b"\7")
        process.stdin.flush()
        assert process.stdout.readline() == b"#1  offset 0  A-RELEASE-RQ  PDU-length 4\n"
        process.stdin.write(Abort(2, 1).encode()[1:])
        process.stdin.close()
        rest = process.stdout.read().decode()
    assert process.returncode == 0
    assert "1 (unrecognized-PDU)" in rest
    assert rest.endswith("2 PDUs, 20 bytes: all of it makes sense\n")


def test_a_character_the_terminal_does_not_have() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dulcet", "dump", "-"],
        cwd=ROOT,
        env={"PYTHONIOENCODING": "ascii"},
        input=REQUEST.encode(),
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"M\\xfcller\\x1b" in done.stdout


# ---- anything ----


@given(pdus())
def test_any_pdu_is_one_record(pdu: Any) -> None:
    data = pdu.encode()
    recorder = Recorder()
    (piece,) = pieces(io.BytesIO(data))
    record = recorder.record(piece)
    assert json.loads(json.dumps(record)) == record
    assert (record["name"], record["type"], record["length"]) == (pdu.name, pdu.type, len(data) - 6)
    assert record["offset"] == 0
    assert bool(record["problems"]) == (record["verdict"] == "malformed")
    if not isinstance(pdu, PDataTF):  # whose fragments need not make sense as messages
        assert record["verdict"] == "ok"
    assert all(line.isprintable() for line in lines(1, record))


@given(st.lists(st.one_of(corrupted(), st.binary(max_size=40)), max_size=4).map(b"".join))
def test_any_bytes_are_told_without_an_error(data: bytes) -> None:
    recorder = Recorder()
    found = list(pieces(io.BytesIO(data)))
    for number, piece in enumerate(found, 1):
        record = recorder.record(piece)
        assert json.loads(json.dumps(record)) == record
        assert bool(record["problems"]) == (record["verdict"] != "ok")
        assert all(line.isprintable() for line in lines(number, record))
    seen = b"".join(piece.header + piece.body for piece in found)
    assert data.startswith(seen)
    assert seen == data or found[-1].end == "lost"


@given(st.binary(max_size=64))
def test_any_text_is_bytes_or_an_error_of_its_own(text: bytes) -> None:
    with contextlib.suppress(HexTextError):
        assert len(HexText(io.BytesIO(text)).read(1000)) <= len(text) / 2


@given(st.binary(max_size=64))
def test_hexadecimal_text_and_back(data: bytes) -> None:
    rows = "\n".join(hexdump(0, data))
    assert HexText(io.BytesIO(rows.encode())).read(1000) == data
