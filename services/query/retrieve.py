"""Retrieve (PS3.4 C.4.2, C.4.3): the SCP of C-MOVE and C-GET, over whatever keeps the objects.

    def find(keys, operation):  # which files are asked for; what a peer says is looked up, it is no path
        return studies.get(keys.StudyInstanceUID, [])

    SCP("ARCHIVE", [Retrieve(find, {"VIEWER": Entity("VIEWER", "10.0.0.7", 11112)}), Storage("archive/")])

C-MOVE: the destinations are a table of ours, so that a peer cannot make us call whom it likes; our own title is in it
only if it was put there. Objects go over associations of our own, which carry the Move Originator, with the contexts
the objects need. C-GET: they go back over the same association, in the storage contexts on which the requestor took
the SCP role. Nothing is decoded: an object goes out as it lies in its file, or is converted between uncompressed
transfer syntaxes, unless those who do not take a compressed one may have it decompressed.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Container, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

from ...acse.policy import SupportedContext
from ...dimse import messages
from ...dimse.status import (
    CANCEL,
    MOVE_DESTINATION_UNKNOWN,
    SOP_CLASS_NOT_SUPPORTED,
    UNRECOGNIZED_OPERATION,
)
from ...dul.errors import LocalProtocolError
from ..aio import SCU
from ..entity import Entity
from ..log import Log, logger
from ..scu import Settings
from ..service import Answer, Answers, Operation, Service
from ..storage.outgoing import Unsendable
from ..storage.storage import is_storage_class
from ..transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, UNCOMPRESSED
from .models import MODELS, QueryExtension, model, model_of, verb_of
from .query import is_async, is_short, received_identifier
from .sub_associations import EACH, Mover, Places
from .sub_operations import Stored, SubOperations, together

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Found = Iterable[Stored] | AsyncIterable[Stored] | Awaitable[Iterable[Stored]]
"""What a handler may return."""
Handler = Callable[["Dataset", Operation], Found]
"""Asked which objects match: (keys, operation) to their files."""
Destinations = Mapping[str, Entity] | Callable[[str], Entity | None]
"""Known Move Destinations: by AE title, or what looks one up."""

WINDOW = 8
"""C-STOREs outstanding at a time that destinations are asked for (PS3.7 D.3.3.3)."""
PLAIN_MODELS = ("patient", "study", "patient-study-only")
"""Models that retrieve objects as they are. Those that make new ones, or leave out bulk data, need handlers that do."""
_RETRIEVING = SupportedContext((*UNCOMPRESSED, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN))
_GETTING = SupportedContext(None, scu_role=False, scp_role=True)


class Retrieve(Service):
    """The SCP of C-MOVE and C-GET. When a requestor leaves, its sub-operations end (PS3.4 C.4.2.3.1 leaves that open).

    It lets requestors be SCP of storage classes, for C-GET; `Storage` beside it lets them store.

    Args:
        handler: says which objects match: a plain function or a generator, which runs in the server's pool of threads,
            or an async one. It gives their files. `Operation.cancelled` tells it that nobody waits any more.
        destinations: the known Move Destinations.
        models: names of query models, for C-MOVE and C-GET, or SOP class UIDs for one of them.
        associations: to one destination at a time for one C-MOVE, at most 4. Objects then arrive in no certain order,
            and some destinations take one association at a time only.
        decompress: compressed transfer syntaxes to decompress for those who do not accept them.
        extension: what the handler supports of extended negotiation; `query.extension` tells what was agreed.
        settings: how destinations are called; the calling AE title is always our own. By default `WINDOW` objects may
            be under way on an association, where the destination agrees. Of a C-GET as many as the requestor proposes
            and the policy of the `SCP` grants: `asynchronous_operations_window`.
        log: told what was retrieved, and what could not be.
    """

    proposes = (model("move", "study"), model("get", "study"), model("move", "patient"), model("get", "patient"))

    def __init__(
        self,
        handler: Handler,
        destinations: Destinations | None = None,
        *,
        models: Iterable[str] = PLAIN_MODELS,
        associations: int = 1,
        decompress: Container[str] = (),
        extension: QueryExtension = QueryExtension(),  # noqa: B008  # immutable
        settings: Settings | None = None,
        log: Log | None = None,
    ) -> None:
        if not 1 <= associations <= EACH:
            raise LocalProtocolError(f"{associations} associations to one destination at a time: 1 to {EACH} may be")
        self._handler = handler
        self._asynchronous = is_async(handler)
        self._destinations = destinations if destinations is not None else {}
        self.uids = frozenset(uid for name in models for uid in _sop_classes(name))
        """The SOP classes it serves."""
        self.extension = extension
        """What it supports of extended negotiation."""
        self._gets = any(_serves("C-GET-RQ", uid) for uid in self.uids)
        self._associations = associations
        self._decompress = decompress
        self._settings = settings or Settings(operations_window=WINDOW)
        self._log = log or logger()
        self._places = Places()

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        """The models; and, where C-GET is among them, storage classes with the requestor as SCP."""
        if abstract_syntax in self.uids:
            return _RETRIEVING
        return _GETTING if self._gets and is_storage_class(abstract_syntax) else None

    def negotiate(self, abstract_syntax: str, information: bytes) -> bytes | None:
        """Grant what it supports of what was asked (PS3.4 C.5.2.1, C.5.3.1); nothing is said where that is nothing."""
        if abstract_syntax not in self.uids or not self.extension:
            return None
        verb = verb_of(abstract_syntax)
        return (self.extension & QueryExtension.decode(information, verb)).encode(verb)

    def waits(self, operation: Operation) -> bool:
        """A long identifier may take seconds to read; all else waits on the event loop."""
        return not is_short(operation)

    def perform(self, operation: Operation) -> Answers:
        """Pending responses while objects go out, then the final one."""
        request = operation.request
        if request.sop_class_uid != operation.context.abstract_syntax:
            return request.response(SOP_CLASS_NOT_SUPPORTED)
        if request.sop_class_uid not in self.uids or not _serves(request.name, request.sop_class_uid):
            return request.response(UNRECOGNIZED_OPERATION)
        keys = self.keys(operation)
        return keys if isinstance(keys, messages.Response) else self._retrieve(keys, operation)

    def keys(self, operation: Operation) -> "Dataset | messages.Response":
        """The identifier, or the response that refuses it."""
        return received_identifier(operation)

    async def _retrieve(self, keys: "Dataset", operation: Operation) -> AsyncGenerator[Answer, None]:
        request = operation.request
        destination: Entity | None = None
        if isinstance(request, messages.C_MOVE_RQ):
            title = request.move_destination.strip(" ")
            destination = await self._destination(operation, title)
            if destination is None:
                self._log.warning("unknown Move Destination", **_who(operation), destination=title)
                yield request.response(MOVE_DESTINATION_UNKNOWN, error_comment=f"Move Destination {title} is not known")
                return
        found = await self._find(keys, operation)
        if operation.cancelled:
            yield request.response(CANCEL)
            return
        sub_operations = SubOperations(operation, found, self._decompress, partial(self._unsendable, operation))
        if found:
            work = _get(sub_operations) if destination is None else self._move(sub_operations, destination)
            async with aclosing(sub_operations.responses(work)) as responses:
                async for response in responses:
                    yield response
        self._note(sub_operations, destination)
        yield sub_operations.final()

    # ---- C-MOVE ----

    async def _destination(self, operation: Operation, title: str) -> Entity | None:
        if isinstance(self._destinations, Mapping):
            return self._destinations.get(title)
        found: Entity | None = await operation.caller.work(self._destinations, title)
        return found

    async def _move(self, sub_operations: SubOperations, destination: Entity) -> None:
        """Store over associations of our own."""
        scu = SCU()
        scu.settings = replace(self._settings, ae_title=sub_operations.operation.caller.ae_title)
        await Mover(scu, destination, self._associations, self._places, self._log).move(sub_operations)

    # ---- what is asked for ----

    async def _find(self, keys: "Dataset", operation: Operation) -> list[Stored]:
        """Ask the handler, which may wait for the disk. What the files hold is looked at as their turn comes."""
        if self._asynchronous:
            return await _collected(self._handler(keys, operation), operation)
        found: list[Stored] = await operation.caller.work(partial(_ask, self._handler), keys, operation)
        return found

    def _unsendable(self, operation: Operation, file: Unsendable) -> None:
        self._log.warning("object cannot be sent", **_who(operation), error=file.error)

    def _note(self, sub_operations: SubOperations, destination: Entity | None) -> None:
        tally = sub_operations.tally
        level = self._log.warning if tally.failed else self._log.info
        level(
            "retrieved",
            **_who(sub_operations.operation),
            destination=None if destination is None else str(destination),
            completed=tally.completed,
            failed=tally.failed,
            warning=tally.warning,
            remaining=tally.remaining,
            why=tally.error_comment,
        )


async def _get(sub_operations: SubOperations) -> None:
    """C-GET: store over the requestor's own association, as many at a time as it lets us."""
    caller = sub_operations.operation.caller
    contexts = [context for context in caller.agreement.contexts.values() if context.scp]

    async def carry() -> None:
        while (file := await sub_operations.next()) is not None:
            await sub_operations.send(file, contexts, caller.invoke)

    await together(caller.agreement.window_performed, carry)


def _sop_classes(name: str) -> tuple[str, ...]:
    """Those of a query model that retrieve, or the one that is named itself."""
    if name[:1].isdigit():
        return (name,)
    found = [uid for each in MODELS if each.name == name for uid in (each.move, each.get) if uid]
    if not found:
        known = ", ".join(each.name for each in MODELS if each.move or each.get)
        raise LocalProtocolError(f"no model {name!r} to retrieve from; there are {known}")
    return tuple(found)


def _serves(request: str, sop_class_uid: str) -> bool:
    """Whether this request is one of this SOP class; a class that is not known may have either."""
    model = model_of(sop_class_uid)
    if model is None:
        return request in ("C-MOVE-RQ", "C-GET-RQ")
    return (request, sop_class_uid) in (("C-MOVE-RQ", model.move), ("C-GET-RQ", model.get))


def _who(operation: Operation) -> dict[str, object]:
    """For log lines."""
    caller = operation.caller
    return {
        "request": operation.request.name,
        "association": caller.association,
        "peer": str(caller.address[0]),
        "calling": caller.agreement.calling_ae_title,
    }


def _ask(handler: Handler, keys: "Dataset", operation: Operation) -> list[Stored]:
    """In the pool: what a plain handler finds, or has found when nobody waits any more."""
    found = handler(keys, operation)
    if not isinstance(found, Iterable):
        raise TypeError(f"a plain handler gives an iterable of files, not {type(found).__name__}")
    return list(takewhile(lambda _: not operation.cancelled, found))


async def _collected(found: Found, operation: Operation) -> list[Stored]:
    """What an async handler finds, or has found when nobody waits any more."""
    if isinstance(found, Awaitable):
        return list(await found)
    assert isinstance(found, AsyncIterable)  # the handler is an async one
    collected: list[Stored] = []
    iterator = aiter(found)
    try:
        async for each in iterator:
            if operation.cancelled:
                break
            collected.append(each)
    finally:
        aclose = getattr(iterator, "aclose", None)
        if aclose is not None:
            await aclose()
    return collected
