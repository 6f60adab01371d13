"""Whole DIMSE operations with an acceptor, for cases that need one on the way (PS3.7 9.1): store, find, get.

Fragments keep to what the peer announced (D.1). Answers are collected as messages, for what a trace of tokens does not
tell: whether a response has a data set, whether an image is there afterwards.
"""

from typing import TYPE_CHECKING, Any

from . import commands, data_sets, frames, recipes
from .commands import AFFECTED_SOP_CLASS, COMMAND_FIELD, DATA_SET, DATA_SET_TYPE, MESSAGE_ID, PRIORITY, RESPONDED_TO
from .data_sets import Element, Image
from .endings import Skip, Undriven
from .reading import Message

if TYPE_CHECKING:
    from .trial import Trial

PENDING = (0xFF00, 0xFF01)
"""PS3.7 C.1.3: more responses follow."""
OVERHEAD = 6
"""Bytes of a PDV in front of its fragment (Table 9-23)."""
SECONDS = 20.0
"""For an operation that takes more than an answer."""
CLASSES = {
    "verification": frames.VERIFICATION,
    "storage": frames.CT_IMAGE_STORAGE,
    "find": commands.STUDY_ROOT_FIND,
    "get": commands.STUDY_ROOT_GET,
}
"""SOP classes by the need that asks for them."""


def require(trial: "Trial", need: str) -> None:
    """For a variant that needs more of the peer than its case.

    Raises:
        Skip: the profile says that it lacks it.
    """
    if lacking := trial.profile.lacks(need):
        raise Skip(lacking)


async def associate(trial: "Trial", *needs: str, **how: Any) -> None:
    """Bring an acceptor to Sta6 with a presentation context for each need: 1, 3, 5 in their order.

    Raises:
        Undriven: it does not get there, or accepts not all of them.
    """
    classes = [CLASSES[need] for need in needs]
    contexts = [frames.proposed(2 * number + 1, uid, [trial.syntax(uid)]) for number, uid in enumerate(classes)]
    await trial.drive("Sta6", contexts=recipes.padded(trial, contexts), **how)
    results = trial.acceptance.results if trial.acceptance else {}
    refused = [need for number, need in enumerate(needs) if results.get(2 * number + 1) != 0]
    if refused:
        raise Undriven(f"the peer does not accept the presentation context of {', '.join(refused)} this time")


def room(trial: "Trial") -> int:
    """Bytes of a fragment that the peer takes in one P-DATA-TF (D.1), an even number; ours where it has no maximum."""
    announced = trial.acceptance.maximum_length if trial.acceptance else None
    return max(2, (min(announced or frames.MAXIMUM_LENGTH, frames.MAXIMUM_LENGTH) - OVERHEAD) & ~1)


def data_pdus(trial: "Trial", context_id: int, data: bytes) -> list[bytes]:
    """A data set in as many P-DATA-TF as the peer wants."""
    return [frames.p_data(each) for each in frames.fragmented(context_id, data, room(trial), command=False)]


def data_of(trial: "Trial", image: Image) -> bytes:
    """The data set of an image as it was agreed; its UID is noted, for cleaning up."""
    trial.recording.offered(image.instance)
    return image.encoded(trial.syntax(frames.CT_IMAGE_STORAGE))


def store(trial: "Trial", context_id: int, image: Image, message_id: int = 1) -> list[bytes]:
    """A whole C-STORE-RQ."""
    command = commands.command(commands.store_elements(message_id, image.instance))
    return [frames.p_data(frames.pdv(context_id, command)), *data_pdus(trial, context_id, data_of(trial, image))]


def find(trial: "Trial", context_id: int, study: str = "", message_id: int = 1) -> list[bytes]:
    """A whole C-FIND-RQ for one study, or for every one."""
    return _query(trial, context_id, commands.C_FIND, CLASSES["find"], data_sets.study_query(study), message_id)


def get(trial: "Trial", context_id: int, image: Image, message_id: int = 1) -> list[bytes]:
    """A whole C-GET-RQ for an image."""
    return _query(trial, context_id, commands.C_GET, CLASSES["get"], data_sets.image_request(image), message_id)


def _query(
    trial: "Trial", context_id: int, field: int, sop_class: str, identifier: list[Element], message_id: int
) -> list[bytes]:
    data = data_sets.encoded(identifier, trial.syntax(sop_class))
    command = commands.command(query_elements(field, sop_class, message_id))
    return [frames.p_data(frames.pdv(context_id, command)), *data_pdus(trial, context_id, data)]


def query_elements(field: int, sop_class: str, message_id: int = 1) -> dict[int, commands.Value]:
    """Those of a C-FIND-RQ or C-GET-RQ (PS3.7 Tables 9.3-2, 9.3-6)."""
    return {
        AFFECTED_SOP_CLASS: sop_class,
        COMMAND_FIELD: field,
        MESSAGE_ID: message_id,
        PRIORITY: 0,
        DATA_SET_TYPE: DATA_SET,
    }


def cancel(context_id: int, message_id: int) -> bytes:
    """A whole C-CANCEL-RQ (PS3.7 9.3.2.3)."""
    elements = {COMMAND_FIELD: commands.C_CANCEL, RESPONDED_TO: message_id, DATA_SET_TYPE: commands.NO_DATA_SET}
    return frames.p_data(frames.pdv(context_id, commands.command(elements)))


def storage_role() -> bytes:
    """The sub-item that makes us SCP of CT Image Storage too, for a C-GET (PS3.7 D.3.3.4)."""
    uid = frames.CT_IMAGE_STORAGE.encode("ascii")
    return frames.item(0x54, len(uid).to_bytes(2, "big") + uid + bytes([1, 1]))


async def responses(trial: "Trial", pdus: list[bytes], seconds: float = SECONDS) -> list[Message]:
    """Send a request, if it has not left, and take its responses, the final one last.

    The images of a C-GET are taken with success. Fewer responses come back where the peer ends the association or is
    too slow.
    """
    track, found = trial.track, list[Message]()
    taken = len(track.messages)
    if pdus:
        await trial.send(*pdus)
    while await trial.link.until(lambda: len(track.messages) > taken or track.closed, seconds):  # noqa: B023  # awaited at once
        if len(track.messages) == taken:
            break
        message = track.messages[taken]
        taken += 1
        if not message.is_response:
            await trial.link.send([commands.response(message.context_id, message.elements)])
            continue
        found.append(message)
        if message.status not in PENDING:
            break
    return found


async def leave(trial: "Trial") -> None:
    """Release the association, and let the connection go: a peer may serve one at a time only."""
    track = trial.track
    await trial.send(frames.release_rq())
    await trial.link.until(lambda: track.closed or any(pdu.type == 0x06 for pdu in track.pdus), trial.settings.react)
    trial.link.finish()
    await trial.link.until(lambda: track.closed, trial.settings.react)


async def is_stored(trial: "Trial", image: Image) -> bool:
    """Whether a query on another association finds an image's study."""
    await associate(trial, "find")
    found = await responses(trial, find(trial, 1, image.study))
    return any(message.status in PENDING for message in found)


async def check_not_stored(trial: "Trial", image: Image) -> None:
    """Fail where a query finds what must not have been stored; noted where the peer cannot be asked."""
    if trial.profile.lacks("find"):
        trial.recording.note("whether it was stored is not known: the peer answers no queries")
        return
    trial.check(not await is_stored(trial, image), "what was not received whole was stored")
