"""What a service user does, step by step, without a transport: generators that wait for events."""

from collections import deque
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
from dialogue import AC, FIND, RQ, STORE, VERIFICATION, End, pdus, talking
from dulcet.acse.association import Association
from dulcet.acse.events import Initiator
from dulcet.dimse import messages
from dulcet.dimse.exchange import Exchange
from dulcet.dimse.status import SUCCESS, Status
from dulcet.dul.errors import LocalProtocolError
from dulcet.dul.items import UserInformation
from dulcet.dul.pdu import Abort, AssociateRJ, ReleaseRP, ReleaseRQ
from dulcet.services.errors import (
    AssociationAborted,
    AssociationRejected,
    AssociationTimeout,
    NoAcceptedContext,
)
from dulcet.services.steps import (
    CONFIRM_SECONDS,
    AssociationReleased,
    associate,
    context_for,
    operation,
    release,
    response,
)
from dulcet.services.verification import echo


class Run:
    """Steps on an end, as a driver runs them: begun, then told what happened until they return."""

    def __init__(self, end: End, steps: Generator[None, Any, Any]) -> None:
        self.end, self.steps = end, steps
        self.result: Any = None
        self.done = False
        self.go(lambda: next(steps))

    def go(self, step: Any) -> "Run":
        try:
            step()
        except StopIteration as stop:
            self.result, self.done = stop.value, True
        return self

    def tell(self, events: list[Any]) -> "Run":
        return self.go(lambda: self.steps.send((deque(events), self.end.now)))

    def hear(self, *pdus: Any) -> "Run":
        return self.tell(self.end.hear(*pdus))


def fresh() -> End:
    return End(Exchange(Association(requestor=True)))


ECHO_RSP = messages.C_ECHO_RQ(message_id=1, affected_sop_class_uid=VERIFICATION).response(0)


def test_associate_echo_release() -> None:
    end = fresh()
    run = Run(end, associate(end.thing, RQ, 0.0))
    assert end.names() == ["connect"]
    run.tell(end.do(end.thing.connected(0.0)))
    assert end.names() == ["A-ASSOCIATE-RQ"]
    assert not run.done
    run.hear(AC)
    assert run.result is end.thing.agreement
    run = Run(end, echo(end.thing, 0.0))
    assert end.names() == ["P-DATA-TF"]
    assert not run.tell([]).done
    assert run.hear(*pdus(ECHO_RSP)).result == SUCCESS
    assert isinstance(run.result, Status)
    run = Run(end, release(end.thing, 0.0))
    assert end.names() == ["A-RELEASE-RQ"]
    assert run.hear(ReleaseRP()).done
    assert end.names() == ["close"]


def test_associate_is_rejected() -> None:
    end = fresh()
    run = Run(end, associate(end.thing, RQ, 0.0))
    run.tell(end.do(end.thing.connected(0.0)))
    with pytest.raises(AssociationRejected, match="called-AE-title-not-recognized") as error:
        run.hear(AssociateRJ(1, 1, 7))
    assert (error.value.result, error.value.source, error.value.reason) == (1, 1, 7)
    assert not error.value.transient


@pytest.mark.parametrize("most", [1, 7])
def test_associate_meets_a_maximum_length_that_takes_nothing(most: int) -> None:
    """PS3.8 D.1, E.1: a P-DATA-TF of 7 has room for the header of a PDV and one byte, and a fragment has two."""
    end = fresh()
    run = Run(end, associate(end.thing, RQ, 0.0))
    run.tell(end.do(end.thing.connected(0.0)))
    with pytest.raises(AssociationAborted, match=f"no fragment fits into a P-DATA-TF of {most}") as caught:
        run.hear(replace(AC, user_information=UserInformation(most)))
    assert caught.value.initiator is Initiator.LOCAL_USER
    assert end.names()[-1] == "A-ABORT"


def test_associate_meets_nobody() -> None:
    end = fresh()
    run = Run(end, associate(end.thing, RQ, 0.0))
    with pytest.raises(AssociationAborted, match="transport connection closed") as error:
        run.tell(end.lose())
    assert (error.value.state, error.value.exit_code) == ("Sta4", "CONNECTION_LOST")


def test_associate_waits_in_vain() -> None:
    end = fresh()
    run = Run(end, associate(end.thing, RQ, 0.0))
    with pytest.raises(AssociationTimeout, match="10 s for the connection to open") as error:
        run.tell(end.wait(10.0))
    assert error.value.phase == "connect"


@pytest.mark.parametrize(("behind", "error"), [(Abort(2, 1), AssociationAborted), (ReleaseRQ(), AssociationReleased)])
def test_an_association_that_ends_as_soon_as_it_stands(behind: Any, error: type[Exception]) -> None:
    end = fresh()
    run = Run(end, associate(end.thing, RQ, 0.0))
    run.tell(end.do(end.thing.connected(0.0)))
    with pytest.raises(error):
        run.hear(AC, behind)


@pytest.mark.parametrize("together", [True, False])
def test_aborted_in_an_operation(together: bool) -> None:
    """AB-01: the operation has failed; a response that came before the A-ABORT still counts."""
    end = talking()
    run = Run(end, echo(end.thing, 0.0))
    if together:
        assert run.hear(*pdus(ECHO_RSP), Abort(0, 0)).result == SUCCESS
        run = None  # type: ignore[assignment]  # gone on purpose
    with pytest.raises(AssociationAborted, match="by the peer's service user") as error:
        run.hear(Abort(0, 0)) if run else Run(end, echo(end.thing, 0.0))
    assert error.value.initiator is Initiator.PEER_USER


def test_released_in_an_operation() -> None:
    """Nothing will come any more: an error, not an endless wait."""
    end = talking()
    run = Run(end, echo(end.thing, 0.0))
    with pytest.raises(AssociationReleased):
        run.hear(ReleaseRQ())
    assert AssociationReleased.exit_code == "RELEASE"
    with pytest.raises(AssociationReleased):
        Run(end, echo(end.thing, 0.0))


def test_a_wrong_response_fails_the_operation() -> None:
    """CMD-23: never taken for success."""
    end = talking()
    run = Run(end, echo(end.thing, 0.0))
    other = messages.C_ECHO_RQ(message_id=2, affected_sop_class_uid=VERIFICATION).response(0)
    with pytest.raises(AssociationAborted, match="no request has"):
        run.hear(*pdus(other))


def test_no_response_in_time() -> None:
    end = talking(dimse_seconds=5.0)
    run = Run(end, echo(end.thing, 0.0))
    assert end.names() == ["P-DATA-TF"]
    with pytest.raises(AssociationTimeout, match="waited 5 s for a response") as error:
        run.tell(end.wait(5.0))
    assert error.value.phase == "dimse"


def test_operation_waits_for_its_own_response() -> None:
    end = talking(window=(2, 1))
    find = messages.C_FIND_RQ(message_id=7, affected_sop_class_uid=FIND, priority=messages.MEDIUM)
    context = context_for(end.thing.agreement, FIND)
    run = Run(end, operation(end.thing, context, find, b"keys", 0.0))
    other = Run(end, echo(end.thing, 0.0))
    assert not run.hear(*pdus(find.response(0xFF00), b"match ", 3)).done
    assert not run.hear(*pdus(ECHO_RSP)).done
    assert run.hear(*pdus(find.response(0xA700), None, 3)).result.message.status == 0xA700
    assert not other.done


def test_a_mistake_is_raised_at_once() -> None:
    end = talking()
    Run(end, echo(end.thing, 0.0))
    with pytest.raises(LocalProtocolError, match="as many as agreed"):
        Run(end, echo(end.thing, 0.0))


def test_response_may_be_waited_for_alone() -> None:
    end = talking()
    request = messages.C_ECHO_RQ(message_id=1, affected_sop_class_uid=VERIFICATION)
    end.thing.request(1, request, None, 0.0)
    assert Run(end, response(end.thing, 1)).hear(*pdus(ECHO_RSP)).result.request is request


def test_context_for() -> None:
    agreement = talking().thing.agreement
    assert context_for(agreement, STORE).id == 7
    with pytest.raises(NoAcceptedContext, match="none was proposed"):
        context_for(agreement, "1.2.3")


# ---- release ----


def test_release_waits_until_everything_is_sent() -> None:
    end = talking(longest=1000)
    store = messages.C_STORE_RQ(
        message_id=1, affected_sop_class_uid=STORE, affected_sop_instance_uid="1.2", priority=messages.MEDIUM
    )
    end.thing.request(7, store, bytes(100_000), 0.0)
    end.hear(*pdus(store.response(0xA700), None, 7))
    run = Run(end, release(end.thing, 0.0))
    assert set(end.names()) == {"P-DATA-TF"}
    run.tell([])
    assert end.names() == ["A-RELEASE-RQ"]
    assert run.hear(ReleaseRP()).done


def test_release_waits_until_everything_is_confirmed() -> None:
    """PS3.7 A.5: no release before all operations invoked are confirmed; what can be cancelled is."""
    end = talking(window=(2, 1))
    find = messages.C_FIND_RQ(message_id=7, affected_sop_class_uid=FIND, priority=messages.MEDIUM)
    end.thing.request(3, find, b"keys", 0.0)
    Run(end, echo(end.thing, 0.0))
    end.bytes_out()
    run = Run(end, release(end.thing, 0.0))
    cancel = messages.C_CANCEL_RQ(message_id_being_responded_to=7)
    assert end.said() == pdus(cancel, None, 3)
    assert not run.hear(*pdus(find.response(0xFF00), b"match ", 3), *pdus(ECHO_RSP)).done
    assert end.names() == []
    run.hear(*pdus(find.response(0xFE00), None, 3))
    assert end.said() == [ReleaseRQ()]
    assert run.hear(ReleaseRP()).done


def test_release_does_not_wait_for_ever() -> None:
    """A peer that ignores C-CANCEL and sends match after match."""
    end = talking()
    find = messages.C_FIND_RQ(message_id=7, affected_sop_class_uid=FIND, priority=messages.MEDIUM)
    end.thing.request(3, find, b"keys", 0.0)
    run = Run(end, release(end.thing, 0.0))
    end.bytes_out()
    match = pdus(find.response(0xFF00), b"match ", 3)
    end.wait(CONFIRM_SECONDS)
    assert not run.hear(*match).done
    end.wait(0.1)
    with pytest.raises(AssociationAborted, match="operations go on 30 s after"):
        run.hear(*match)
    assert end.said() == [Abort(0, 0)]


def test_release_is_aborted() -> None:
    end = talking(longest=1000)
    run = Run(end, release(end.thing, 0.0))
    with pytest.raises(AssociationAborted):
        run.tell(end.lose())
    with pytest.raises(AssociationAborted):
        Run(end, release(end.thing, 0.0))


def test_release_in_a_collision() -> None:
    """RL-10."""
    end = talking()
    run = Run(end, release(end.thing, 0.0))
    assert not run.hear(ReleaseRQ()).done
    assert run.hear(ReleaseRP()).done
    assert end.names() == ["A-RELEASE-RQ", "A-RELEASE-RP", "close"]


def test_release_of_what_the_peer_released() -> None:
    """Already, or as soon as it has our last response."""
    end = talking()
    end.hear(ReleaseRQ())
    assert Run(end, release(end.thing, 0.0)).done
    assert end.names() == ["A-RELEASE-RP"]
    owing = talking()
    request = messages.C_ECHO_RQ(message_id=1, affected_sop_class_uid=VERIFICATION)
    owing.hear(*pdus(request), ReleaseRQ())
    run = Run(owing, release(owing.thing, 0.0))
    assert not run.done
    assert run.tell(owing.do(owing.thing.respond(1, request.response(0), None, 0.0))).done
    assert owing.names() == ["P-DATA-TF", "A-RELEASE-RP"]
