"""Association configuration files: DCMTK's own, and every way to get one wrong."""

import sys
from pathlib import Path

import pytest
from dulcet.dul.items import ExtendedNegotiation, RoleSelection
from dulcet.tools.exit_codes import for_error
from dulcet.tools.profiles import Context, Profile, ProfileError, load, parse
from dulcet.tools.uid_names import sop_class_uid, transfer_syntax_uid

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
ULTRASOUND, ULTRASOUND_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"

GOOD = """\
# A comment
[[TransferSyntaxes]]
[Uncompressed]
TransferSyntax1 = LittleEndianExplicit
TransferSyntax2 = BigEndianExplicit
TransferSyntax3 = LittleEndianImplicit

[ JPEG Baseline ]
transfersyntax1=1.2.840.10008.1.2.4.50

[[PresentationContexts]]
[Both]
PresentationContext1 = UltrasoundImageStorage\\JPEGBaseline
PresentationContext2 = UltrasoundImageStorage\\Uncompressed
PresentationContext3 = 1.2.3.4\\uncompressed
[Once]
PresentationContext2 = UltrasoundImageStorage\\Uncompressed
PresentationContext1 = UltrasoundMultiframeImageStorage\\Uncompressed

[[SCPSCURoleSelection]]
[Roles]
Role1 = UltrasoundImageStorage\\BOTH
Role2 = UltrasoundMultiframeImageStorage\\SCP
Role3 = 1.2.3.4\\SCU

[[ExtendedNegotiation]]
[Bytes]
ExtendedNegotiation1 = UltrasoundImageStorage\\020003000000

[[Profiles]]
[Requestor]
PresentationContexts = Both
[Acceptor]
PresentationContexts = Once
SCPSCURoleSelection = Roles
ExtendedNegotiation = Bytes
"""


def test_requestor() -> None:
    uncompressed = (EXPLICIT, BIG, IMPLICIT)
    assert parse(GOOD, "Requestor", requestor=True) == Profile(
        "Requestor",
        (
            Context(ULTRASOUND, ("1.2.840.10008.1.2.4.50",)),
            Context(ULTRASOUND, uncompressed),
            Context("1.2.3.4", uncompressed),
        ),
    )


def test_acceptor() -> None:
    profile = parse(GOOD, " accEPTOR", requestor=False)
    assert [context.abstract_syntax for context in profile.contexts] == [ULTRASOUND_MULTI_FRAME, ULTRASOUND]
    assert profile.roles == (
        RoleSelection(ULTRASOUND, scu=True, scp=True),
        RoleSelection(ULTRASOUND_MULTI_FRAME, scu=False, scp=True),
        RoleSelection("1.2.3.4", scu=True, scp=False),
    )
    assert profile.extended_negotiations == (ExtendedNegotiation(ULTRASOUND, b"\x02\x00\x03\x00\x00\x00"),)


# What to replace, by what, the line the error is in, and words of it.
WRONG = [
    ("[[TransferSyntaxes]]", "[[TransferSyntaxes]", 2, "]]"),
    ("[Uncompressed]", "[Uncompressed", 3, "does not end with ]"),
    ("[[TransferSyntaxes]]\n", "", 2, "before any [[...]]"),
    ("[Uncompressed]\n", "", 3, "before any [...]"),
    ("[ JPEG Baseline ]", "[UNCOMPRESSED]", 8, "is there already, in line 3"),
    ("TransferSyntax1 = L", "TransferSyntax1 - L", 4, "neither a heading nor"),
    ("TransferSyntax2 = BigEndianExplicit\n", "", 5, "transferSyntax3 without TransferSyntax2"),
    ("TransferSyntax2", "TransferSyntax02", 5, "TransferSyntax1, TransferSyntax2"),
    ("TransferSyntax2", "TransferSyntax1", 5, "is there already"),
    ("TransferSyntax2", "Syntax2", 5, "syntax2"),
    ("TransferSyntax2", "TransferSyntaxB", 5, "transfersyntaxb"),
    ("BigEndianExplicit", "bigendianexplicit", 5, "not the name of a transfer syntax"),
    ("BigEndianExplicit", "CTImageStorage", 5, "not the name of a transfer syntax"),
    ("BigEndianExplicit", "1.02.3", 5, "is no UID"),
    ("BigEndianExplicit", "LittleEndianExplicit", 5, "is in this list already"),
    ("transfersyntax1=1.2.840.10008.1.2.4.50", "", 8, "is empty"),
    ("UltrasoundImageStorage\\JPEGBaseline", "UltrasoundImageStorage", 13, "backslash"),
    ("UltrasoundImageStorage\\JPEGBaseline", "A\\B\\C", 13, "backslash"),
    ("UltrasoundImageStorage\\JPEGBaseline", "SoundImageStorage\\JPEGBaseline", 13, "name of a SOP class"),
    ("UltrasoundImageStorage\\JPEGBaseline", "RLELossless\\JPEGBaseline", 13, "name of a SOP class"),
    (
        "UltrasoundImageStorage\\JPEGBaseline",
        "UltrasoundImageStorage\\JPEG",
        13,
        "[JPEG] in [[TransferSyntaxes]]",
    ),
    ("PresentationContexts = Both", "PresentationContexts = None", 32, "[None] in [[PresentationContexts]]"),
    ("PresentationContexts = Both", "Colour = Red", 32, "colour is no part of a profile"),
    ("PresentationContexts = Both", "", 31, "names no PresentationContexts"),
]


@pytest.mark.parametrize(("good", "wrong", "line", "words"), WRONG)
def test_errors_tell_the_line(good: str, wrong: str, line: int, words: str) -> None:
    assert good in GOOD
    with pytest.raises(ProfileError) as raised:
        parse(GOOD.replace(good, wrong, 1), "Requestor", requestor=True, file="my.cfg")
    assert str(raised.value).startswith(f"my.cfg, line {line}: ")
    assert words.casefold() in str(raised.value).casefold()
    assert for_error(raised.value) == 66


@pytest.mark.parametrize(
    ("good", "wrong", "line", "words"),
    [
        ("\\BOTH", "\\both", 22, "'both' is no role"),
        ("020003000000", "0200030000zz", 28, "not hexadecimal"),
        ("= Roles", "= Nobody", 35, "[Nobody] in [[SCPSCURoleSelection]]"),
        ("= Bytes", "= Nothing", 36, "[Nothing] in [[ExtendedNegotiation]]"),
        ("= Once", "= Both", 14, "acceptor has each SOP class once"),
    ],
)
def test_errors_of_acceptors_tell_the_line(good: str, wrong: str, line: int, words: str) -> None:
    with pytest.raises(ProfileError) as raised:
        parse(GOOD.replace(good, wrong, 1), "Acceptor", requestor=False, file="my.cfg")
    assert str(raised.value).startswith(f"my.cfg, line {line}: ")
    assert words in str(raised.value)


def test_a_profile_that_is_not_there() -> None:
    with pytest.raises(ProfileError, match="no profile 'Other'; there are: Requestor, Acceptor"):
        parse(GOOD, "Other", requestor=True)
    with pytest.raises(ProfileError, match="there are: none"):
        parse("", "Other", requestor=True)


def test_a_request_has_128_contexts_at_most() -> None:
    contexts = "\n".join(f"PresentationContext{n} = 1.2.{n}\\L" for n in range(1, 130))
    text = "[[TransferSyntaxes]]\n[L]\nTransferSyntax1=1.2.840.10008.1.2\n[[PresentationContexts]]\n[C]\n"
    text += contexts + "\n[[Profiles]]\n[P]\nPresentationContexts=C"
    with pytest.raises(ProfileError, match="line 134: a request has at most 128"):
        parse(text, "P", requestor=True)
    assert len(parse(text, "P", requestor=False).contexts) == 129


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="No such file"):
        load(str(tmp_path / "nowhere.cfg"), "Default", requestor=True)


@pytest.mark.parametrize(
    ("file", "name", "requestor", "first", "syntaxes"),
    [
        ("storescp.cfg", "Default", False, "1.2.840.10008.1.1", (EXPLICIT, BIG, IMPLICIT)),
        ("storescp.cfg", "AllDICOM", False, "1.2.840.10008.1.1", (EXPLICIT, BIG, IMPLICIT)),
        ("storescu.cfg", "default", True, "1.2.840.10008.5.1.4.1.1.1", ("1.2.840.10008.1.2.4.50",)),
    ],
)
def test_the_files_that_come_with_dcmtk(
    file: str, name: str, requestor: bool, first: str, syntaxes: tuple[str, ...]
) -> None:
    path = Path("/etc/dcmtk") / file
    if not path.exists():
        pytest.skip(f"{path} is not there: install DCMTK's tools to test with its own files")
    profile = load(str(path), name, requestor=requestor)
    assert profile.contexts[0] == Context(first, syntaxes)
    assert 100 <= len(profile.contexts) <= 250


@pytest.mark.parametrize(
    ("name", "uid"),
    [
        ("Verification", "1.2.840.10008.1.1"),
        ("VerificationSOPClass", "1.2.840.10008.1.1"),
        ("CTImageStorage", "1.2.840.10008.5.1.4.1.1.2"),
        ("UltrasoundImageStorage", ULTRASOUND),
        ("RETIRED_UltrasoundImageStorage", "1.2.840.10008.5.1.4.1.1.6"),
        ("UltrasoundMultiframeImageStorage", ULTRASOUND_MULTI_FRAME),
        ("UltrasoundMultiFrameImageStorage", ULTRASOUND_MULTI_FRAME),
        ("RETIRED_UltrasoundMultiframeImageStorage", "1.2.840.10008.5.1.4.1.1.3"),
        ("RETIRED_VLImageStorage", "1.2.840.10008.5.1.4.1.1.77.1"),
        ("RETIRED_StandaloneOverlayStorage", "1.2.840.10008.5.1.4.1.1.8"),
        ("DRAFT_WaveformStorage", "1.2.840.10008.5.1.4.1.1.9.1"),
        ("DRAFT_SRAudioStorage", "1.2.840.10008.5.1.4.1.1.88.2"),
        ("ModalityWorklistInformationModelFind", "1.2.840.10008.5.1.4.31"),
        ("1.2.276.0.7230010.3.4.1915765545.18030.917282194.0",) * 2,
    ],
)
def test_names_of_sop_classes(name: str, uid: str) -> None:
    assert sop_class_uid(name) == uid


def test_names_of_transfer_syntaxes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert transfer_syntax_uid("ExplicitVRLittleEndian") == EXPLICIT
    assert transfer_syntax_uid("JPEGLossless:Non-hierarchical-1stOrderPrediction") == "1.2.840.10008.1.2.4.70"
    assert transfer_syntax_uid("MPEG4HighProfile/Level4.2For2DVideo") == "1.2.840.10008.1.2.4.104"
    monkeypatch.setattr(sys, "byteorder", "little")
    assert transfer_syntax_uid("LocalEndianExplicit") == EXPLICIT
    assert transfer_syntax_uid("OppositeEndianExplicit") == BIG
    monkeypatch.setattr(sys, "byteorder", "big")
    assert transfer_syntax_uid("LocalEndianExplicit") == BIG
    assert transfer_syntax_uid("OppositeEndianExplicit") == EXPLICIT


@pytest.mark.parametrize("name", ["1", "1.", ".1", "1..2", "1.02", "1." + "1" * 63])
def test_no_uids(name: str) -> None:
    with pytest.raises(ValueError, match="is no UID"):
        sop_class_uid(name)
