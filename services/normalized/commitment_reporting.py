"""How a provider of Storage Commitment reports (PS3.4 J.3.3): on the association of the request while that stands, else
on one of our own to the entity that asked, on which we propose to be SCP (J.3.3.1).

A report is repeated until somebody has answered it: an answer ends the matter, whatever it says. Where an association
breaks after the report and before the answer it may arrive twice; its Transaction UID tells. It is repeated for about a
minute, and for a day where a journal keeps the request.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from ...acse.agreement import AcceptedContext
from ...dimse import messages
from ...dimse.status import Status
from ...dul.errors import ProtocolError
from ...dul.items import RoleSelection
from ..entity import Entity
from ..log import Log
from ..service import Invoke
from .commitment import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE, CommitmentResult, report_information
from .commitment_journal import PendingCommitment

RETRIES = (2.0, 10.0, 60.0)
"""Seconds before each further association for a report that could not be delivered."""
RETRIES_OF_A_DAY = (*RETRIES, *(600.0,) * 144)
"""The same where a journal keeps the request: a modality may be off over night."""

Entities = Mapping[str, Entity] | Callable[[str], Entity | None]
"""Where entities listen, by AE title, or what looks one up."""
Pause = Callable[[float], Awaitable[object]]
"""Waits so many seconds."""


class Reporter:
    """Reports results.

    Args:
        entities: those that have gone when the report is ready.
        retries: seconds before each further attempt to reach an entity.
        settings: of the associations we request; see `Settings`.
        log: told of every report.
        pause: waits before each further attempt.
    """

    def __init__(
        self, entities: Entities | None, retries: Sequence[float], settings: Mapping[str, Any], log: Log, pause: Pause
    ) -> None:
        self._entity = entities if callable(entities) else (entities or {}).get
        self._retries = tuple(retries)
        self._settings = dict(settings)
        self._log = log
        self._pause = pause

    async def report(
        self, pending: PendingCommitment, result: CommitmentResult, same: tuple[Invoke, AcceptedContext] | None
    ) -> None:
        """Report until somebody has answered, or nobody could be reached.

        Args:
            pending: the request.
            result: what became of it.
            same: the association of the request, and its context; None: not there.
        """
        answer, where = None, "same"
        if same is not None:
            answer = await self._on_same(*same, result)
        if answer is None:
            answer, where = await self._on_new(pending, result), "new"
        fields = {
            "peer": pending.calling_ae_title,
            "transaction": result.transaction_uid,
            "committed": len(result.committed),
            "failed": len(result.failed),
        }
        if answer is None:
            self._log.error("storage commitment not reported", **fields)
        else:
            level = self._log.info if answer.category in ("success", "warning") else self._log.warning
            level("storage commitment reported", association=where, status=f"0x{answer:04X}", **fields)

    async def _on_same(self, invoke: Invoke, context: AcceptedContext, result: CommitmentResult) -> Status | None:
        """The answer on the association of the request; None if that does not stand any more."""
        from ..identifiers import encode

        event_type_id, information = report_information(result)
        request = messages.N_EVENT_REPORT_RQ(
            message_id=0,
            affected_sop_class_uid=STORAGE_COMMITMENT,
            affected_sop_instance_uid=STORAGE_COMMITMENT_INSTANCE,
            event_type_id=event_type_id,
        )
        try:
            response = await invoke(context, request, encode(information, context.transfer_syntax))
        except ProtocolError:  # it ended, or is about to
            return None
        return response.message.status

    async def _on_new(self, pending: PendingCommitment, result: CommitmentResult) -> Status | None:
        """The answer on an association of our own; None if nobody could be asked."""
        entity = self._entity(pending.calling_ae_title)
        if entity is None:
            self._log.warning("storage commitment: entity not known", title=pending.calling_ae_title)
            return None
        answer = await self._attempt(pending.ae_title, entity, result)
        for seconds in self._retries:
            if answer is not None:
                break
            await self._pause(seconds)
            answer = await self._attempt(pending.ae_title, entity, result)
        return answer

    async def _attempt(self, ae_title: str, entity: Entity, result: CommitmentResult) -> Status | None:
        from .. import aio

        event_type_id, information = report_information(result)
        answer = None
        try:
            scu = aio.SCU(ae_title, **self._settings)
            role = RoleSelection(STORAGE_COMMITMENT, False, True)
            async with await scu.associate(entity, [STORAGE_COMMITMENT], roles=[role]) as association:
                context = association.agreement.context_for(STORAGE_COMMITMENT)
                if context is not None and not context.scp:
                    self._log.warning("storage commitment: role of SCP not accepted", entity=str(entity))
                    return None
                reported = await association.n_event_report(
                    STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE, event_type_id, information
                )
                answer = reported.status
        except ProtocolError as error:  # after the answer, only the release can have failed
            if answer is None:
                self._log.warning("storage commitment: entity not reached", entity=str(entity), error=str(error))
        return answer
