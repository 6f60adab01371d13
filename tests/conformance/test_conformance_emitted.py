"""The always-on assertions: each on bytes that break it and on others, and in a run as results of their own."""

import asyncio
from struct import pack

import pytest
from dulcet.dimse.messages import Message
from dulcet.dimse.strategies import messages as dimse_messages
from dulcet.dul.strategies import associate_acs, associate_rqs
from dulcet.spec import dimse
from dulcet.tools.conformance import frames
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.commands import (
    COMMAND_FIELD,
    DATA_SET_TYPE,
    MESSAGE_ID,
    PRIORITY,
    STATUS,
    STUDY_ROOT_FIND,
    command,
    echo,
    echo_elements,
    element,
    response,
    response_elements,
    store_elements,
)
from dulcet.tools.conformance.emitted import command_sets, shape
from dulcet.tools.conformance.emitted.rules import RULES
from dulcet.tools.conformance.emitted.watch import Watch, judge_stream
from dulcet.tools.conformance.exits import Exit, exit_code
from dulcet.tools.conformance.reading import Cutter, read
from dulcet.tools.conformance.reports.json_report import document, parse
from dulcet.tools.conformance.results import Outcome
from hypothesis import given, settings
from peers import echoscu, judged, judged_by_script, judged_requestor, our_scp, read_pdu

CT = frames.CT_IMAGE_STORAGE
ROLE = frames.item(0x54, pack(">H", len(CT)) + CT.encode() + b"\1\1")
WINDOW = frames.item(0x53, pack(">HH", 2, 2))
EXTENDED = frames.item(0x56, pack(">H", len(CT)) + CT.encode() + b"\1")
IDENTITY = frames.item(0x58, b"\1\0" + pack(">H", 2) + b"me" + pack(">H", 0))
"""Without asking for a response."""
IDENTITY_ANSWER = frames.item(0x59, pack(">H", 0))


def user(*more: bytes) -> bytes:
    """User information with sub-items besides the usual ones, in ascending order."""
    usual = [frames.maximum_length(), frames.implementation_class(), frames.version_name()]
    return frames.user_information(*sorted([*usual, *more], key=lambda sub: sub[0]))


def rq(**how: object) -> bytes:
    return frames.associate_rq([frames.proposed(1), frames.proposed(3, CT)], **how)  # type: ignore[arg-type]  # names of keywords


def ac(*contexts: bytes, **how: object) -> bytes:
    both = contexts or (frames.answered(1), frames.answered(3))
    return frames.associate_ac(both, fixed=rq()[10:74], **how)  # type: ignore[arg-type]  # names of keywords


def broken(*steps: tuple[str, bytes] | str) -> list[str]:
    """The rules broken by what is marked "<"; ">" is what the other side sent, "fin" the peer's end."""
    watch = Watch()
    ours, theirs = Cutter(), Cutter()
    for step in steps:
        if step == "fin":
            watch.ended()
        elif step == "our fin":
            watch.we_ended()
        elif step == "unread":
            watch.unread()
        elif step[0] == ">":
            for pdu in ours.feed(step[1]):  # type: ignore[arg-type]  # bytes, in a step of this kind
                watch.sent(pdu)
        else:
            for pdu in theirs.feed(step[1]):  # type: ignore[arg-type]  # bytes, in a step of this kind
                watch.saw(pdu)
    return sorted({each.id for each in watch.breaches})


ECHO_RSP = response(1, echo_elements())
FIND_RQ = frames.p_data(
    frames.pdv(1, command({2: STUDY_ROOT_FIND, COMMAND_FIELD: 0x20, MESSAGE_ID: 7, PRIORITY: 0, DATA_SET_TYPE: 1}))
) + frames.p_data(frames.pdv(1, b"\x08\0\x52\0\0\0\0\0", command=False))
PENDING = frames.p_data(
    frames.pdv(1, command({2: STUDY_ROOT_FIND, COMMAND_FIELD: 0x8020, 0x120: 7, DATA_SET_TYPE: 1, STATUS: 0xFF00})),
    frames.pdv(1, b"\x08\0\x52\0\0\0\0\0", command=False),
)


def data(elements: dict[int, int | str | bytes]) -> bytes:
    return frames.p_data(frames.pdv(1, command(elements)))


def ids(*message_ids: int) -> bytes:
    return b"".join(echo(1, number) for number in message_ids)


def windowed(invoked: int) -> bytes:
    return user(frames.item(0x53, pack(">HH", invoked, 1)))


def of_acceptor(*pdus: bytes, request: bytes = b"") -> list[str]:
    return broken((">", request or rq()), *(("<", pdu) for pdu in pdus))


def of_requestor(*pdus: bytes) -> list[str]:
    return broken(*(("<", pdu) for pdu in pdus))


WRONG: list[tuple[str, list[str]]] = [
    ("EM-01", of_acceptor(ac(reserved=1))),
    ("EM-01", of_acceptor(ac(inner_reserved=1, items=[frames.application_context(), frames.answered(1), user()]))),
    ("EM-01", of_acceptor(ac(frames.answered(1, reserved=0xFF)))),
    (
        "EM-01",
        of_acceptor(ac(user=user(frames.item(0x53, pack(">HH", 1, 1), reserved=1))), request=rq(user=user(WINDOW))),
    ),
    ("EM-01", of_acceptor(frames.associate_rj(1, 1, 1, inner_reserved=1))),
    ("EM-01", of_acceptor(frames.abort(0, 0, inner_reserved=1))),
    ("EM-01", of_acceptor(ac(), frames.release_rp(b"\0\0\0\1"))),
    ("EM-01", of_requestor(frames.associate_rq([frames.patched(frames.proposed(1), 6, b"\xff")]))),
    ("EM-02", of_acceptor(ac(), frames.release_rp(b""))),
    ("EM-02", of_acceptor(frames.abort(body=b"\0\0\0\0\0\0"))),
    ("EM-02", of_acceptor(frames.associate_rj(1, 2, 3))),
    ("EM-02", of_acceptor(frames.associate_rj(3, 1, 1))),
    ("EM-02", of_acceptor(frames.abort(1, 0))),
    ("EM-02", of_acceptor(frames.abort(2, 3))),
    ("EM-02", of_acceptor(frames.abort(0, 2))),
    ("EM-02", of_acceptor(frames.pdu(0x08, b"1234"))),
    ("EM-03", of_acceptor(ac(items=[frames.answered(1), frames.answered(3), frames.application_context(), user()]))),
    ("EM-03", of_acceptor(frames.patched(ac() + b"\0\0", 2, pack(">L", len(ac()) - 4)))),
    ("EM-03", of_acceptor(ac(), frames.p_data(frames.pdv(1, b"\0\0", length=9)))),
    ("EM-03", of_acceptor(ac(), frames.p_data())),
    (
        "EM-03",
        of_acceptor(
            ac(user=frames.user_information(frames.maximum_length(raw=b"\0\1"), frames.implementation_class()))
        ),
    ),
    (
        "EM-03",
        of_requestor(
            frames.associate_rq(
                [frames.item(0x20, b"\1\0\0\0" + frames.item(0x40, b"1.2") + frames.item(0x30, b"1.2"))]
            )
        ),
    ),
    ("EM-04", of_acceptor(ac(application=frames.application_context("1.2.840.10008.3.1.1.1\0")))),
    ("EM-04", of_acceptor(ac(frames.answered(1, 0, ["1.02"])))),
    ("EM-04", of_requestor(frames.associate_rq([frames.proposed(1, "1." + "2" * 63)]))),
    ("EM-05", of_requestor(rq(calling=" "))),
    ("EM-05", of_requestor(rq(called="ABC\0"))),
    ("EM-06", of_acceptor(ac(version=2))),
    ("EM-07", of_requestor(frames.associate_rq([frames.proposed(2)]))),
    ("EM-07", of_requestor(frames.associate_rq([frames.proposed(1), frames.proposed(1)]))),
    ("EM-07", of_requestor(frames.associate_rq([frames.proposed(1, None)]))),
    ("EM-07", of_requestor(frames.associate_rq([frames.proposed(1, transfer_syntaxes=())]))),
    ("EM-07", of_acceptor(ac(frames.answered(1), frames.answered(1)))),
    ("EM-07", of_acceptor(ac(frames.answered(1, 0, [frames.IMPLICIT, frames.EXPLICIT])))),
    ("EM-07", of_acceptor(ac(frames.answered(1, 7)))),
    ("EM-08", of_acceptor(ac(items=[frames.application_context(), user()]))),
    ("EM-08", of_acceptor(ac(user=frames.user_information(frames.maximum_length())))),
    ("EM-08", of_acceptor(ac(user=user(frames.maximum_length())))),
    ("EM-08", of_acceptor(ac(application=b""))),
    (
        "EM-09",
        of_acceptor(
            ac(
                user=frames.user_information(
                    frames.maximum_length(), frames.implementation_class(), frames.version_name("V" * 17)
                )
            )
        ),
    ),
    ("EM-09", of_acceptor(ac(user=user(frames.version_name("AGAIN"))))),
    ("EM-10", of_requestor(rq(user=user(ROLE, ROLE)))),
    ("EM-10", of_requestor(frames.associate_rq(user=user(ROLE)))),
    ("EM-10", of_requestor(rq(user=user(IDENTITY_ANSWER)))),
    ("EM-10", of_acceptor(ac(user=user(ROLE)))),
    ("EM-10", of_acceptor(ac(user=user(ROLE)), request=rq(user=user(ROLE[:-1] + b"\0")))),
    ("EM-10", of_acceptor(ac(user=user(WINDOW)))),
    ("EM-10", of_acceptor(ac(user=user(frames.item(0x53, pack(">HH", 3, 2)))), request=rq(user=user(WINDOW)))),
    ("EM-10", of_acceptor(ac(user=user(frames.item(0x53, pack(">HH", 2, 0)))), request=rq(user=user(WINDOW)))),
    ("EM-10", of_acceptor(ac(user=user(EXTENDED)))),
    ("EM-10", of_acceptor(ac(user=user(frames.item(0x57, pack(">H", 3) + b"1.2" + pack(">H", 3) + b"1.2" + b"\0\0"))))),
    ("EM-10", of_acceptor(ac(user=user(IDENTITY_ANSWER)))),
    ("EM-10", of_acceptor(ac(user=user(IDENTITY_ANSWER)), request=rq(user=user(IDENTITY)))),
    (
        "EM-11",
        of_acceptor(ac(), frames.p_data(*frames.fragmented(3, bytes(20000), 10000, command=False)), request=rq()),
    ),
    ("EM-12", of_acceptor(ac(), frames.p_data(*frames.fragmented(1, command(response_elements(echo_elements())), 7)))),
    ("EM-12", of_acceptor(ac(), ECHO_RSP + frames.p_data(frames.pdv(1, b"", last=False)))),
    ("EM-12", of_acceptor(ac(), frames.patched(ECHO_RSP, 11, b"\x83"))),
    (
        "EM-13",
        of_acceptor(
            ac(), frames.p_data(frames.pdv(1, b"\0\0", last=False)) + frames.p_data(frames.pdv(3, b"\0\0", last=False))
        ),
    ),
    (
        "EM-13",
        of_acceptor(ac(), frames.p_data(*(frames.pdv(1, command(response_elements(echo_elements()))) for _ in "ab"))),
    ),
    ("EM-13", of_acceptor(ac(), frames.p_data(frames.pdv(1, b"\0\0", command=False)))),
    (
        "EM-13",
        of_acceptor(
            ac(),
            frames.p_data(
                frames.pdv(
                    1, command({2: STUDY_ROOT_FIND, COMMAND_FIELD: 0x8020, 0x120: 7, DATA_SET_TYPE: 1, STATUS: 0xFF00})
                )
            )
            + ECHO_RSP,
        ),
    ),
    (
        "EM-14",
        of_acceptor(ac(), frames.p_data(frames.pdv(1, command(response_elements(echo_elements()), group_length=4)))),
    ),
    (
        "EM-14",
        of_acceptor(
            ac(), frames.p_data(frames.pdv(1, command(dict(reversed(response_elements(echo_elements()).items())))))
        ),
    ),
    ("EM-14", of_acceptor(ac(), data({COMMAND_FIELD: 0x8030, 0x120: 1, DATA_SET_TYPE: 0x101}))),
    ("EM-14", of_acceptor(ac(), data({COMMAND_FIELD: 0x8030, 0x120: 1, DATA_SET_TYPE: 1, STATUS: 0}))),
    ("EM-14", of_acceptor(ac(), data({COMMAND_FIELD: 0x8031, 0x120: 1, DATA_SET_TYPE: 0x101, STATUS: 0}))),
    (
        "EM-14",
        of_acceptor(
            ac(), data({2: b"1.2 ", **{k: v for k, v in response_elements(echo_elements()).items() if k != 2}})
        ),
    ),
    ("EM-14", of_acceptor(ac(), frames.p_data(frames.pdv(1, b"\0\0\0\0UL\x04\0\0\0\0\0")))),
    ("EM-14", of_acceptor(ac(), frames.p_data(frames.pdv(1, command([element(2, "1.2"), element(8, b"", group=8)]))))),
    ("EM-14", of_requestor(rq(), data({**store_elements(1, "1.2.3"), PRIORITY: 3}))),
    (
        "EM-14",
        of_acceptor(
            ac(),
            data({2: STUDY_ROOT_FIND, COMMAND_FIELD: 0x8020, 0x120: 7, DATA_SET_TYPE: 1, STATUS: 0})
            + frames.p_data(frames.pdv(1, b"\x08\0\x52\0\0\0\0\0", command=False)),
        ),
    ),
    ("EM-14", of_acceptor(ac(), data({2: CT, COMMAND_FIELD: 0x8021, 0x120: 7, DATA_SET_TYPE: 0x101, STATUS: 0xFF00}))),
    ("EM-15", broken(("<", rq()), (">", ac()), ("<", ids(1) + ids(1)))),
    ("EM-16", of_acceptor(ac(), response(1, echo_elements(), 0x1234))),
    ("EM-17", broken(("<", rq()), (">", ac()), ("<", ids(1, 2)))),
    ("EM-17", broken(("<", rq(user=user(WINDOW))), (">", ac(user=windowed(9))), ("<", ids(1, 2, 3)))),
    ("EM-18", of_acceptor(ac(), frames.release_rq())),
    ("EM-18", broken(("<", rq()), (">", ac()), ("<", echo() + frames.release_rq()))),
    ("EM-18", broken(("<", rq()), (">", ac()), ("<", FIND_RQ), (">", PENDING), ("<", frames.release_rq()))),
    ("EM-19", of_acceptor(ac(), frames.release_rp(), ECHO_RSP)),
    ("EM-19", of_acceptor(frames.associate_rj(), ac())),
    ("EM-19", of_acceptor(frames.abort(), ac())),
    ("EM-19", broken(("<", rq()), (">", ac()), ("<", frames.release_rq() + echo()))),
    ("EM-20", broken((">", rq()), ("<", ac()), "fin")),
    ("EM-20", broken(("<", rq()), "fin")),
    ("EM-20", broken(("<", rq()), (">", ac()), ("<", frames.release_rq()), "fin")),
]


@pytest.mark.parametrize(("rule", "found"), WRONG, ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(WRONG)])
def test_what_breaks_a_rule_is_found(rule: str, found: list[str]) -> None:
    assert rule in found


def test_every_rule_is_broken_here_once() -> None:
    assert {rule for rule, _ in WRONG} == set(RULES)


RIGHT = {
    "an association": broken(
        (">", rq()),
        ("<", ac()),
        (">", echo()),
        ("<", ECHO_RSP),
        (">", frames.release_rq()),
        ("<", frames.release_rp()),
        "fin",
    ),
    "its other side": broken(
        ("<", rq()),
        (">", ac()),
        ("<", echo()),
        (">", ECHO_RSP),
        ("<", frames.release_rq()),
        (">", frames.release_rp()),
        "fin",
    ),
    "a rejection": broken((">", rq()), ("<", frames.associate_rj(2, 3, 2)), "fin"),
    "aborts in Sta13": broken((">", rq()), ("<", ac()), ("<", frames.abort(2, 1) + frames.abort(2, 1)), "fin"),
    "an abort behind A-RELEASE-RP": broken((">", rq()), ("<", ac() + frames.release_rp() + frames.abort(2, 2)), "fin"),
    "a close before any request": broken("fin"),
    "a close after ours": broken((">", rq()), ("<", ac()), "our fin", "fin"),
    "a close after our abort": broken((">", rq()), ("<", ac()), (">", frames.abort()), "fin"),
    "a find": broken(
        ("<", rq()),
        (">", ac()),
        ("<", FIND_RQ),
        (">", PENDING * 2),
        (">", data({COMMAND_FIELD: 0x8020, 0x120: 7, DATA_SET_TYPE: 0x101, STATUS: 0})),
        ("<", frames.release_rq()),
    ),
    "within its window": broken(("<", rq(user=user(WINDOW))), (">", ac(user=windowed(2))), ("<", ids(1, 2))),
    "an unlimited window": broken(
        ("<", rq(user=user(frames.item(0x53, bytes(4))))), (">", ac(user=windowed(0))), ("<", ids(1, 2, 3, 4))
    ),
    "what was asked is answered": of_acceptor(
        ac(user=user(ROLE, WINDOW, EXTENDED, IDENTITY_ANSWER)),
        request=rq(user=user(ROLE, WINDOW, EXTENDED, frames.patched(IDENTITY, 5, b"\1"))),
    ),
    "version of a 57H": of_requestor(
        rq(
            user=user(
                frames.item(0x57, pack(">H", len(CT)) + CT.encode() + pack(">H", 3) + b"1.2" + b"\0\0", reserved=1)
            )
        )
    ),
    "user sub-items in any order": of_acceptor(
        ac(user=frames.user_information(frames.version_name(), frames.implementation_class(), frames.maximum_length()))
    ),
    "a refused context's syntax": of_acceptor(ac(frames.answered(1, 3, [b"\0"]), frames.answered(3, 4, []))),
    "a fault of the request given back": of_acceptor(
        ac(frames.answered(2, 0, ["1.02"])),
        request=frames.associate_rq([frames.proposed(2, frames.VERIFICATION, ["1.02"])]),
    ),
    "an ID proposed twice": of_acceptor(
        ac(frames.answered(1), frames.answered(1)),
        request=frames.associate_rq([frames.proposed(1), frames.proposed(1)]),
    ),
    "a response to no message": broken(
        (">", rq()),
        ("<", ac()),
        (">", frames.p_data(frames.pdv(1, command({2: CT, COMMAND_FIELD: 0x30, DATA_SET_TYPE: 0x101})))),
        ("<", data({COMMAND_FIELD: 0x8030, DATA_SET_TYPE: 0x101, STATUS: 0x110})),
    ),
    "a release after a response to another request": broken(
        ("<", rq()), (">", ac()), ("<", echo(1, 1)), (">", response(1, echo_elements(9))), ("<", frames.release_rq())
    ),
    "a maximum of 0": of_acceptor(
        ac(),
        frames.p_data(*frames.fragmented(1, command(response_elements(echo_elements())), 20)),
        request=rq(user=frames.user_information(frames.maximum_length(0), frames.implementation_class())),
    ),
}


@pytest.mark.parametrize("what", RIGHT)
def test_what_is_right_breaks_no_rule(what: str) -> None:
    assert RIGHT[what] == []


def test_one_direction_alone_is_judged_by_what_it_says_itself() -> None:
    found = judge_stream(rq() + ids(1, 2) + frames.release_rq())
    assert [(each.id, each.what) for each in found] == [("EM-18", "A-RELEASE-RQ with 2 operations outstanding")]
    assert judge_stream(ac(user=user(ROLE, WINDOW)) + ECHO_RSP + frames.release_rp()) == []
    assert [each.id for each in judge_stream(frames.release_rq(), requestor=False)] == ["EM-18"]


def test_who_is_not_read_cannot_end_an_association_in_order() -> None:
    """PS3.8 9.1.4 n1 asks for A-ABORT; behind a closed window it does not come through (ROB-06)."""
    assert broken((">", rq()), ("<", ac()), "unread", "fin") == []


def test_a_uid_of_ours_that_is_none_is_only_given_back() -> None:
    """A response repeats the Affected SOP Class UID (PS3.7 9.3.5.2): its fault is that of who asked."""
    response = command({2: "1.2.840.00008.1.1", COMMAND_FIELD: 0x8030, 0x120: 1, DATA_SET_TYPE: 0x101, STATUS: 0x122})
    (breach,) = command_sets.breaches(response)
    assert (breach.id, "AffectedSOPClassUID" in breach.what) == ("EM-14", True)
    asked = command({2: "1.2.840.00008.1.1", COMMAND_FIELD: 0x30, 0x110: 1, DATA_SET_TYPE: 0x101})
    assert command_sets.breaches(response, given=command_sets.wrong_uids(asked)) == []
    assert command_sets.wrong_uids(response.replace(b".00008.", b".10008.")) == set()


def test_event_type_in_a_failure_is_for_strict_mode_alone() -> None:
    report = command({2: CT, COMMAND_FIELD: 0x8100, 0x120: 1, DATA_SET_TYPE: 0x101, STATUS: 0x110, 0x1002: 1})
    assert [(each.id, each.strict) for each in command_sets.breaches(report)] == [("EM-14", True)]


@given(associate_rqs())
def test_a_request_our_encoder_makes_breaks_no_rule_of_shape(request: object) -> None:
    """But EM-10, of which classes are proposed: what a user says of other classes is not the encoder's to judge."""
    assert {each.id for each in shape.breaches(read(request.encode()), None)} <= {"EM-10"}  # type: ignore[attr-defined]  # made by a strategy of ours: a PDU


@settings(max_examples=30)  # drawing one takes 0.1 s
@given(associate_acs())
def test_an_acceptance_our_encoder_makes_breaks_no_rule_of_shape(acceptance: object) -> None:
    assert {each.id for each in shape.breaches(read(acceptance.encode()), None)} <= {"EM-10"}  # type: ignore[attr-defined]  # made by a strategy of ours: a PDU


@given(dimse_messages(*(name for name in dimse.load().messages if name.endswith("-RQ"))))
def test_a_command_set_our_encoder_makes_is_one(message: Message) -> None:
    assert command_sets.breaches(message.encode()) == []


# ---- in a run ----


async def sloppy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An acceptor that does everything in order, and leaves garbage in two reserved bytes."""
    while True:
        pdu = await read_pdu(reader)
        match pdu[0]:
            case 0x01:
                writer.write(frames.associate_ac([frames.answered(1, reserved=7)], fixed=pdu[10:74]))
            case 0x04:
                writer.write(ECHO_RSP)
            case 0x05:
                writer.write(frames.release_rp(bytes(4), reserved=1))
            case _:
                return


def test_a_rule_has_one_result_with_the_cases_that_broke_it() -> None:
    run = judged_by_script(sloppy, ["RL-01", "S-A-02-16", "EM-01", "EM-02"])
    by_id = {each.id: each for each in run.results}
    assert {id_: each.outcome for id_, each in by_id.items()} == {
        "RL-01": Outcome.PASSED,  # its reaction is right
        "S-A-02-16": Outcome.PASSED,
        "EM-01": Outcome.FAILED,
        "EM-02": Outcome.PASSED,
    }
    assert {each.id for each in by_id["RL-01"].exchanges[0].findings} == {"EM-01"}
    assert by_id["EM-01"].signature == "RL-01"
    assert "byte 2 of an item 21H is 07H" in by_id["EM-01"].exchanges[0].why
    assert by_id["EM-02"].exchanges[0].why == "held in 2 exchanges"
    assert exit_code(run) is Exit.FAILED
    assert parse(document(run)) == run


def test_rules_alone_are_judged_by_an_ordinary_association() -> None:
    run = judged_by_script(sloppy, ["EM-01", "EM-20"])
    assert [(each.id, each.outcome) for each in run.results] == [("EM-01", Outcome.FAILED), ("EM-20", Outcome.PASSED)]
    assert run.results[0].reason == "in 1 cases: an ordinary association"


def test_our_scp_and_scu_break_no_rule() -> None:
    rules = [id_ for id_ in registry() if id_.startswith("EM-")]
    with our_scp() as port:
        accepting = judged(
            port, ["S-A-02-03", "S-A-06-10", "S-A-08-06", "S-A-13-19", "P-07", "RL-01", *rules], strict=True
        )
    requesting = judged_requestor(echoscu(), ["S-R-05-04", "S-R-07-10", "RL-10", *rules], strict=True, jobs=4)
    for run in (accepting, requesting):
        assert [(each.id, each.reason) for each in run.results if each.outcome is not Outcome.PASSED] == []
        assert len(run.results) > len(rules)
