"""The DIMSE-N operations as methods of an association (PS3.7 10.1), told once for the blocking and the asyncio one.

On a blocking association they return an `NResult`; on an asyncio one they are awaited for it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Generic, TypeVar

from ...dimse import messages
from ..live import Live
from ..steps import Steps

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from .normalized import NResult

R = TypeVar("R")
"""An `NResult`, or what is awaited for it."""


class NormalizedCalls(Live, Generic[R]):
    """The six operations. The status of the peer is in the result, never an exception.

    Each takes `meta_sop_class`, the abstract syntax whose context to use where it is not the SOP class itself, and
    raises, besides `AssociationError`:
        NoAcceptedContext: no accepted context fits.
        IdentifierError: a data set cannot be encoded, or that of the response not be decoded.
    """

    def _normalized(self, steps: "Steps[NResult]") -> R:
        """Run an operation."""
        raise NotImplementedError

    def _invoke(self, request: messages.Request, dataset: "Dataset | None", meta_sop_class: str | None) -> R:
        from .normalized import invoke

        return self._normalized(invoke(self._exchange, request, dataset, self.now(), meta_sop_class=meta_sop_class))

    def n_event_report(
        self,
        sop_class_uid: str,
        sop_instance_uid: str,
        event_type_id: int,
        information: "Dataset | None" = None,
        *,
        meta_sop_class: str | None = None,
    ) -> R:
        """N-EVENT-REPORT (PS3.7 10.1.1): tell of an event; needs the SCP role on the context."""
        request = messages.N_EVENT_REPORT_RQ(
            message_id=0,
            affected_sop_class_uid=sop_class_uid,
            affected_sop_instance_uid=sop_instance_uid,
            event_type_id=event_type_id,
        )
        return self._invoke(request, information, meta_sop_class)

    def n_get(
        self,
        sop_class_uid: str,
        sop_instance_uid: str,
        attributes: Iterable[int | str] = (),
        *,
        meta_sop_class: str | None = None,
    ) -> R:
        """N-GET (PS3.7 10.1.2): attributes by tag or keyword; without any, all of them."""
        request = messages.N_GET_RQ(
            message_id=0,
            requested_sop_class_uid=sop_class_uid,
            requested_sop_instance_uid=sop_instance_uid,
            attribute_identifier_list=_tags(attributes),
        )
        return self._invoke(request, None, meta_sop_class)

    def n_set(
        self,
        sop_class_uid: str,
        sop_instance_uid: str,
        modifications: "Dataset",
        *,
        meta_sop_class: str | None = None,
    ) -> R:
        """N-SET (PS3.7 10.1.3): change attributes."""
        request = messages.N_SET_RQ(
            message_id=0, requested_sop_class_uid=sop_class_uid, requested_sop_instance_uid=sop_instance_uid
        )
        return self._invoke(request, modifications, meta_sop_class)

    def n_action(
        self,
        sop_class_uid: str,
        sop_instance_uid: str,
        action_type_id: int,
        information: "Dataset | None" = None,
        *,
        meta_sop_class: str | None = None,
    ) -> R:
        """N-ACTION (PS3.7 10.1.4): have something done."""
        request = messages.N_ACTION_RQ(
            message_id=0,
            requested_sop_class_uid=sop_class_uid,
            requested_sop_instance_uid=sop_instance_uid,
            action_type_id=action_type_id,
        )
        return self._invoke(request, information, meta_sop_class)

    def n_create(
        self,
        sop_class_uid: str,
        sop_instance_uid: str | None = None,
        attributes: "Dataset | None" = None,
        *,
        meta_sop_class: str | None = None,
    ) -> R:
        """N-CREATE (PS3.7 10.1.5): make an instance; without a UID the peer chooses one and tells it in the result."""
        request = messages.N_CREATE_RQ(
            message_id=0, affected_sop_class_uid=sop_class_uid, affected_sop_instance_uid=sop_instance_uid
        )
        return self._invoke(request, attributes, meta_sop_class)

    def n_delete(self, sop_class_uid: str, sop_instance_uid: str, *, meta_sop_class: str | None = None) -> R:
        """N-DELETE (PS3.7 10.1.6): remove an instance."""
        request = messages.N_DELETE_RQ(
            message_id=0, requested_sop_class_uid=sop_class_uid, requested_sop_instance_uid=sop_instance_uid
        )
        return self._invoke(request, None, meta_sop_class)


def _tags(attributes: Iterable[int | str]) -> tuple[int, ...]:
    """Numbers of attributes that may be given by keyword."""
    from pydicom.tag import Tag

    return tuple(int(Tag(attribute)) for attribute in attributes)
