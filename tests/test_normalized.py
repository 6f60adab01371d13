"""The DIMSE-N services, both roles: every operation over a connection, blocking and asyncio, and every way to fail.

Expected statuses are those of PS3.7 Annex C.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from dulcet.dimse import messages
from dulcet.dimse.status import Status
from dulcet.services.normalized.normalized import Normalized, NormalizedOperation, NResult, ServiceFailure
from dulcet.services.scp import RunningSCP
from dulcet.services.service import Operation
from dulcet.services.serving import Serving
from dulcet.services.steps import operation
from pydicom.dataset import Dataset
from wire_peers import SECONDS

from dulcet import SCP, SCU, AssociationAborted, NoAcceptedContext, Service, Verification, aio

PRINTER = "1.2.840.10008.5.1.1.16"
PRINTER_INSTANCE = "1.2.840.10008.5.1.1.17"
FILM_SESSION = "1.2.840.10008.5.1.1.1"
GRAYSCALE_META = "1.2.840.10008.5.1.1.9"
"""Printer, its well-known instance, Basic Film Session, Basic Grayscale Print Management Meta (PS3.4 Annex H)."""
AVAILABILITY = "1.2.840.10008.5.1.4.33"
"""Instance Availability Notification (PS3.4 Annex R)."""
VERIFICATION = "1.2.840.10008.1.1"


def data(**elements: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


class Heard(list[NormalizedOperation]):
    """Operations that handlers were given; each answers what the next entry of `answers` says."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Any = None

    def __call__(self, operation: NormalizedOperation) -> Any:
        self.append(operation)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


HANDLERS = ("on_get", "on_set", "on_action", "on_create", "on_delete", "on_event_report")


@pytest.fixture
def heard() -> Heard:
    return Heard()


def service(heard: Any, **options: Any) -> Normalized:
    return Normalized(
        {PRINTER: [PRINTER], GRAYSCALE_META: [PRINTER, FILM_SESSION]}, **dict.fromkeys(HANDLERS, heard), **options
    )


@pytest.fixture(params=["blocking", "on the loop", "async"])
def running(request: pytest.FixtureRequest, heard: Heard) -> Iterator[RunningSCP]:
    async def awaited(operation: NormalizedOperation) -> Any:
        await asyncio.sleep(0)  # one turn of the loop
        return heard(operation)

    offered = service(awaited if request.param == "async" else heard, blocking=request.param == "blocking")
    with SCP("SCP", [Verification(), offered]).running() as scp:
        yield scp
        scp.stop(0.2)


CALLS: dict[str, tuple[Any, ...]] = {
    "n_get": (PRINTER, PRINTER_INSTANCE, ["PrinterStatus", 0x21100020]),
    "n_set": (PRINTER, "1.2.3", data(PrinterName="A")),
    "n_action": (PRINTER, "1.2.3", 7, data(PrinterName="B")),
    "n_create": (PRINTER, "1.2.3", data(PrinterName="C")),
    "n_delete": (PRINTER, "1.2.3"),
    "n_event_report": (PRINTER, PRINTER_INSTANCE, 3, data(PrinterStatusInfo="SUPPLY LOW")),
}


def call(running: RunningSCP, name: str, *arguments: Any, context: str = PRINTER, **options: Any) -> NResult:
    with SCU("SCU").associate(running.entity, [context]) as association:
        result: NResult = getattr(association, name)(*arguments, **options)
        return result


@pytest.mark.parametrize("name", CALLS)
def test_every_operation(running: RunningSCP, heard: Heard, name: str) -> None:
    heard.answer = None if name == "n_delete" else data(PrinterStatus="NORMAL")
    result = call(running, name, *CALLS[name])
    assert result == NResult(Status(0x0000), heard.answer, PRINTER, CALLS[name][1])
    assert result.performed
    (operation,) = heard
    assert (operation.sop_class_uid, operation.sop_instance_uid) == CALLS[name][:2]
    sent = next((each for each in CALLS[name] if isinstance(each, Dataset)), None)
    assert operation.dataset == sent
    assert operation.caller.agreement.calling_ae_title == "SCU"
    assert operation.request.name == f"N-{name[2:].upper().replace('_', '-')}-RQ"


def test_what_only_some_have(running: RunningSCP, heard: Heard) -> None:
    call(running, "n_get", *CALLS["n_get"])
    call(running, "n_get", PRINTER, PRINTER_INSTANCE)
    call(running, "n_action", *CALLS["n_action"])
    call(running, "n_event_report", *CALLS["n_event_report"])
    asked, everything, action, event = heard
    assert (asked.attributes, everything.attributes) == ((0x21100010, 0x21100020), ())
    assert (action.type_id, event.type_id) == (7, 3)


def test_the_same_on_asyncio(running: RunningSCP, heard: Heard) -> None:
    async def all_of_them() -> list[NResult]:
        async with await aio.SCU("SCU").associate(running.entity, [PRINTER]) as association:
            return [await getattr(association, name)(*arguments) for name, arguments in CALLS.items()]

    results = asyncio.run(all_of_them())
    assert results == [NResult(Status(0), None, PRINTER, arguments[1]) for arguments in CALLS.values()]
    assert [each.request.name for each in heard] == [
        *("N-GET-RQ", "N-SET-RQ", "N-ACTION-RQ", "N-CREATE-RQ", "N-DELETE-RQ", "N-EVENT-REPORT-RQ"),
    ]


@pytest.mark.parametrize(
    ("answer", "status", "dataset"),
    [
        (None, 0x0000, None),
        (data(PrinterName="X"), 0x0000, data(PrinterName="X")),
        (Status(0x0116), 0x0116, None),
        (0x0107, 0x0107, None),
        ((0xB600, data(PrinterName="X")), 0xB600, data(PrinterName="X")),
        ((0x0000, None), 0x0000, None),
    ],
)
def test_what_a_handler_returns(
    running: RunningSCP, heard: Heard, answer: Any, status: int, dataset: Dataset | None
) -> None:
    heard.answer = answer
    result = call(running, "n_set", *CALLS["n_set"])
    assert (result.status, result.dataset) == (status, dataset)
    assert result.performed


def test_a_handler_says_why_not(running: RunningSCP, heard: Heard) -> None:
    heard.answer = ServiceFailure(
        0x0106, "too long", offending=[0x21100030], attributes=[0x21100030], error_id=5, dataset=data(PrinterName="X")
    )
    result = call(running, "n_set", *CALLS["n_set"])
    assert result == NResult(
        Status(0x0106), data(PrinterName="X"), PRINTER, "1.2.3", "too long", 5, (0x21100030,), (0x21100030,)
    )
    assert not result.performed


def test_a_handler_with_a_bug(running: RunningSCP, heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    heard.answer = KeyError("secret value")
    with SCU("SCU").associate(running.entity, [PRINTER]) as association:
        assert association.n_get(*CALLS["n_get"]).status == 0x0110
        heard.answer = None
        assert association.n_get(*CALLS["n_get"]).status == 0x0000
    assert "service failed" in caplog.text


def test_a_new_instance_is_named(running: RunningSCP, heard: Heard) -> None:
    result = call(running, "n_create", PRINTER)
    assert result.sop_instance_uid.startswith("2.25.")
    assert heard[0].sop_instance_uid == result.sop_instance_uid
    assert heard[0].dataset is None


def test_a_meta_sop_class(running: RunningSCP, heard: Heard) -> None:
    """PS3.4 H.3.2: the context is that of the meta SOP class, messages are about its members."""
    result = call(running, "n_create", FILM_SESSION, "1.2.3", context=GRAYSCALE_META, meta_sop_class=GRAYSCALE_META)
    assert result.status == 0x0000
    assert heard[0].context.abstract_syntax == GRAYSCALE_META
    assert heard[0].sop_class_uid == FILM_SESSION


NOTICE = data(
    ReferencedPerformedProcedureStepSequence=[],
    StudyInstanceUID="1.2.3",
    ReferencedSeriesSequence=[
        data(
            SeriesInstanceUID="1.2.3.4",
            ReferencedSOPSequence=[
                data(
                    ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2",
                    ReferencedSOPInstanceUID="1.2.3.4.5",
                    InstanceAvailability="ONLINE",
                    RetrieveAETitle="ARCHIVE",
                )
            ],
        )
    ],
)
"""What is of type 1 and 2 in PS3.4 Table R.3.2-1."""


def test_what_is_available_is_told() -> None:
    """Instance Availability Notification is N-CREATE and nothing more (PS3.4 R.3.1)."""
    told: list[NormalizedOperation] = []
    with SCP("RIS", [Normalized([AVAILABILITY], on_create=told.append)]).running() as running:
        result = call(running, "n_create", AVAILABILITY, "1.2.3.6", NOTICE, context=AVAILABILITY)
        other = call(running, "n_get", AVAILABILITY, "1.2.3.6", context=AVAILABILITY)
    assert result == NResult(Status(0x0000), None, AVAILABILITY, "1.2.3.6")
    assert [(each.sop_class_uid, each.sop_instance_uid, each.dataset) for each in told] == [
        (AVAILABILITY, "1.2.3.6", NOTICE)
    ]
    assert other.status == 0x0211


@pytest.mark.parametrize(
    ("sop_class", "status"),
    [(VERIFICATION, 0x0122), (FILM_SESSION, 0x0122), ("1.2.3.4", 0x0118), ("1.2.840.10008.1.2", 0x0118)],
)
def test_a_sop_class_that_is_not_for_this_context(
    running: RunningSCP, heard: Heard, sop_class: str, status: int
) -> None:
    assert call(running, "n_get", sop_class, "1.2.3", meta_sop_class=PRINTER).status == status
    assert not heard


def test_what_nobody_handles() -> None:
    with SCP("SCP", [Normalized([PRINTER])]).running() as running:
        for name, arguments in CALLS.items():
            assert call(running, name, *arguments).status == 0x0211
        with SCU("SCU").associate(running.entity, [PRINTER]) as association:
            context = association.agreement.context_for(PRINTER)
            assert context is not None
            request = messages.C_ECHO_RQ(message_id=9, affected_sop_class_uid=PRINTER)
            answer = association.run(operation(association.exchange, context, request, None, time.monotonic()))
            assert answer.message.status == 0x0211


def test_a_data_set_that_cannot_be_read(running: RunningSCP, heard: Heard) -> None:
    with SCU("SCU").associate(running.entity, [PRINTER]) as association:
        context = association.agreement.context_for(PRINTER)
        assert context is not None
        request = messages.N_SET_RQ(
            message_id=9, requested_sop_class_uid=PRINTER, requested_sop_instance_uid=PRINTER_INSTANCE
        )
        answer = association.run(operation(association.exchange, context, request, b"\1\2\3\4", time.monotonic()))
        assert answer.message.status == 0x0110
        assert answer.message.error_comment
        assert association.n_get(*CALLS["n_get"]).status == 0x0000


def test_no_context(running: RunningSCP) -> None:
    with pytest.raises(NoAcceptedContext, match="none was proposed"):
        call(running, "n_get", FILM_SESSION, "1.2.3")


# ---- what the peer invokes on an association of ours ----


class Telling(Service):
    """Answers every N-GET after it has told of an event on the same association."""

    proposes = (PRINTER,)

    def __init__(self, times: int = 1) -> None:
        self.times = times
        self.said: list[Any] = []

    def supports(self, abstract_syntax: str) -> Any:
        return Normalized([PRINTER]).supports(abstract_syntax)

    async def perform(self, operation: Operation) -> Any:  # type: ignore[override]  # a service may
        for number in range(self.times):
            request = messages.N_EVENT_REPORT_RQ(
                message_id=0, affected_sop_class_uid=PRINTER, affected_sop_instance_uid="1.2", event_type_id=number
            )
            response = await operation.caller.invoke(operation.context, request, None)
            self.said.append(response.message.status)
        return operation.request.response(0)


class Echoing(Telling):
    """Answers from an async generator."""

    async def perform(self, operation: Operation) -> Any:  # type: ignore[override]  # a service may
        yield operation.request.response(1)


def test_events_come_while_we_wait_for_a_response(heard: Heard) -> None:
    telling = Telling(3)
    with SCP("SCP", [telling]).running() as running:
        services = [Normalized([PRINTER], on_event_report=heard)]
        with SCU("SCU").associate(running.entity, [PRINTER], services=services) as association:
            assert association.n_get(*CALLS["n_get"]).status == 0x0000
        with SCU("SCU").associate(running.entity, [PRINTER], services=[Echoing()]) as association:
            assert association.n_get(*CALLS["n_get"]).status == 0x0000
    assert [each.type_id for each in heard] == [0, 1, 2]
    assert [each.caller.ae_title for each in heard] == ["SCU"] * 3
    assert telling.said == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("blocking", [True, False])
def test_events_on_asyncio(heard: Heard, blocking: bool) -> None:
    telling = Telling(2)

    async def awaited(operation: NormalizedOperation) -> Any:
        return heard(operation)

    async def ask(entity: Any) -> None:
        handler = heard if blocking else awaited
        services = [Normalized([PRINTER], on_event_report=handler, blocking=blocking)]
        async with await aio.SCU("SCU").associate(entity, [PRINTER], services=services) as association:
            assert (await association.n_get(*CALLS["n_get"])).status == 0x0000

    with SCP("SCP", [telling]).running() as running:
        asyncio.run(ask(running.entity))
    assert ([each.type_id for each in heard], telling.said) == ([0, 1], [0, 0])


def test_a_service_of_ours_with_a_bug(heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    async def asynchronous(operation: NormalizedOperation) -> Any:
        return heard(operation)

    async def ask(entity: Any, services: list[Service]) -> None:
        async with await aio.SCU("SCU").associate(entity, [PRINTER], services=services) as association:
            assert (await association.n_get(*CALLS["n_get"])).status == 0x0000

    telling = Telling()
    heard.answer = KeyError("x")
    with SCP("SCP", [telling]).running() as running:
        for handler in (asynchronous, heard):
            services: list[Service] = [Normalized([PRINTER], on_event_report=handler)]
            with SCU("SCU").associate(running.entity, [PRINTER], services=services) as association:
                assert association.n_get(*CALLS["n_get"]).status == 0x0000
            asyncio.run(ask(running.entity, services))
    assert telling.said == [0x0110] * 4
    assert caplog.text.count("service failed") == 4


class Later(Service):
    """Answers at once, and tells of an event when it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.told = threading.Event()
        """The request has gone out."""
        self.said: list[Any] = []
        self.tasks: list[Any] = []

    supports = Telling.supports

    def perform(self, operation: Operation) -> Any:
        self.tasks.append(asyncio.get_running_loop().create_task(self.tell(operation)))
        return operation.request.response(0)

    async def tell(self, operation: Operation) -> None:
        await asyncio.to_thread(self.may.wait, SECONDS)
        request = messages.N_EVENT_REPORT_RQ(
            message_id=0, affected_sop_class_uid=PRINTER, affected_sop_instance_uid="1.2", event_type_id=1
        )
        telling = asyncio.ensure_future(operation.caller.invoke(operation.context, request, None))
        await asyncio.sleep(0)  # one turn of the loop
        self.told.set()
        self.said.append((await telling).message.status)


def test_waiting_for_an_event(heard: Heard) -> None:
    later = Later()
    with SCP("SCP", [later]).running() as running:
        services = [Normalized([PRINTER], on_event_report=heard)]
        with SCU("SCU").associate(running.entity, [PRINTER], services=services) as association:
            association.n_get(*CALLS["n_get"])
            assert not association.wait_for(lambda: bool(heard), 0.01)
            later.may.set()
            assert association.wait_for(lambda: bool(heard), SECONDS)
    assert later.said == [0]


def test_waiting_for_an_event_on_asyncio(heard: Heard) -> None:
    later = Later()

    async def ask(entity: Any) -> None:
        services = [Normalized([PRINTER], on_event_report=heard)]
        async with await aio.SCU("SCU").associate(entity, [PRINTER], services=services) as association:
            await association.n_get(*CALLS["n_get"])
            assert not await association.wait_for(lambda: bool(heard), 0.01)
            later.may.set()
            assert await asyncio.to_thread(later.told.wait, SECONDS)  # it comes while nobody looks
            assert await association.wait_for(lambda: bool(heard), SECONDS)

    with SCP("SCP", [later]).running() as running:
        asyncio.run(ask(running.entity))
    assert later.said == [0]


def test_waiting_ends_with_the_association() -> None:
    class Aborting(Later):
        async def tell(self, operation: Operation) -> None:
            operation.caller.abort("enough")

    with SCP("SCP", [Aborting()]).running() as running:
        association = SCU("SCU").associate(running.entity, [PRINTER])
        association.n_get(*CALLS["n_get"])
        with pytest.raises(AssociationAborted):
            association.wait_for(lambda: False, SECONDS)
        association.close()


def test_what_no_service_is_for_is_refused() -> None:
    """And nothing of it stands in the way of the release."""

    async def ask(entity: Any) -> None:
        async with await aio.SCU("SCU").associate(entity, [PRINTER], services=[Verification()]) as association:
            assert (await association.n_get(*CALLS["n_get"])).status == 0x0000

    telling = Telling(2)
    with SCP("SCP", [telling]).running() as running:
        assert call(running, "n_get", *CALLS["n_get"]).status == 0x0000
        asyncio.run(ask(running.entity))
    assert telling.said == [0x0211] * 4


def test_a_request_that_comes_just_before_the_release(heard: Heard) -> None:
    later = Later()
    later.may.set()

    async def ask(entity: Any) -> None:
        async with await aio.SCU("SCU").associate(entity, [PRINTER]) as association:
            await association.n_get(*CALLS["n_get"])
            assert await asyncio.to_thread(later.told.wait, SECONDS)

    with SCP("SCP", [later]).running() as running:
        asyncio.run(ask(running.entity))
        later.told.clear()
        with SCU("SCU").associate(running.entity, [PRINTER]) as association:
            association.n_get(*CALLS["n_get"])
            assert later.told.wait(SECONDS)
            assert association.n_get(*CALLS["n_get"]).status == 0x0000
    assert later.said[0] == 0x0211


def test_other_events_stay() -> None:
    from collections import deque

    inbox: Any = deque([1, 2])
    assert not Serving([Verification()], ("", 0), "SCU", lambda: 0.0).serve(inbox)
    assert list(inbox) == [1, 2]


def test_failures_have_words() -> None:
    assert str(ServiceFailure(0x0112)) == "No such SOP Instance"
    assert str(ServiceFailure(0x0112, "gone")) == "gone"
