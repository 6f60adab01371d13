"""`dulcet conformance probe`: measures an acceptor, and writes what it found as `peer.toml` (catalogue 4.5).

Every measurement is an association of its own, so that a peer that takes one of them badly is still measured in the
others. ARTIM is waited for at the end, on an idle connection. What only its owner can know (whether it can be made to
start a release, the command that makes its requestor dial) is left to be written into the file.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from struct import pack, unpack

from ..exit_codes import ExitCode, Failure
from . import arguments, frames
from .acceptor import AcceptorPeer
from .case import Case
from .commands import STUDY_ROOT_FIND
from .endings import Undriven
from .exits import Exit
from .profile import Profile, text
from .reading import Seen
from .recipes import request
from .results import Level
from .safety import check_target
from .settings import ARTIM_CEILING, Settings
from .trial import Trial

SOP_CLASSES = (
    frames.VERIFICATION,
    frames.CT_IMAGE_STORAGE,
    "1.2.840.10008.5.1.4.1.1.4",  # MR Image Storage
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture Image Storage
    "1.2.840.10008.5.1.4.1.2.1.1",  # Patient Root Find, Move, Get
    "1.2.840.10008.5.1.4.1.2.1.2",
    "1.2.840.10008.5.1.4.1.2.1.3",
    STUDY_ROOT_FIND,  # Study Root Find, Move, Get
    "1.2.840.10008.5.1.4.1.2.2.2",
    "1.2.840.10008.5.1.4.1.2.2.3",
    "1.2.840.10008.5.1.4.31",  # Modality Worklist
    "1.2.840.10008.3.1.2.3.3",  # Modality Performed Procedure Step
    "1.2.840.10008.1.20.1",  # Storage Commitment
)
"""PS3.4 B.5, C.4, F.7, J.3, K.6; PS3.6 Annex A."""
TRANSFER_SYNTAXES = (
    frames.IMPLICIT,
    frames.EXPLICIT,
    "1.2.840.10008.1.2.2",  # Explicit VR Big Endian, retired
    "1.2.840.10008.1.2.1.99",  # Deflated
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 Lossless
    "1.2.840.10008.1.2.5",  # RLE
)
"""One context for each class and syntax: 104 of the 128 there may be."""
IDENTITY_TYPES = (1, 2)
"""User name, and with a passcode: types whose acknowledgement can be asked for without a ticket."""
WINDOW = 5
"""Operations offered each way (PS3.7 D.3.3.3)."""
MOST_ASSOCIATIONS = 16
"""Opened at once, to see how many are served."""
UNKNOWN_TITLE = "NOBODY-OF-US"


def main(argv: Sequence[str]) -> int:
    """Measure a peer, and print or write its profile."""
    parser = argparse.ArgumentParser(
        "dulcet conformance probe", description="Measure a peer that accepts associations.", allow_abbrev=False
    )
    parser.add_argument("host", metavar="HOST", help="the peer's address")
    parser.add_argument("port", metavar="PORT", type=arguments.port, help="and its port")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write the profile (stdout)")
    parser.add_argument("--called", metavar="AET", default="ANY-SCP", help="the peer's AE title (%(default)s)")
    parser.add_argument("--calling", metavar="AET", default="DULCET", help="ours (%(default)s)")
    parser.add_argument(
        "--wait-artim", metavar="SECONDS", type=arguments.seconds, default=ARTIM_CEILING, help="for ARTIM (%(default)s)"
    )
    parser.add_argument(
        "--target-confirmed", action="store_true", help="a public address is meant, and no clinical system"
    )
    options = parser.parse_args(argv[1:])
    check_target(options.host, confirmed=options.target_confirmed)
    settings = Settings(host=options.host, port=options.port, called=options.called, calling=options.calling)
    profile, fault = asyncio.run(measure(settings, options.wait_artim))
    if fault:
        print(f"dulcet conformance probe: {fault}", file=sys.stderr)
        return Exit.UNREACHABLE
    if options.output:
        try:
            Path(options.output).write_text(text(profile), encoding="utf-8")
        except OSError as error:
            raise Failure(ExitCode.USAGE, f"{options.output}: {error.strerror or error}") from None
    else:
        print(text(profile), end="")
    return Exit.PASSED


async def measure(settings: Settings, artim_seconds: float) -> tuple[Profile, str]:
    """Everything that can be seen from outside, or why nothing can."""
    peer = AcceptorPeer(settings)
    if fault := await peer.sanity():
        return Profile(), fault
    probe = Probe(settings, peer)
    profile = Profile(settings.called, settings.host, settings.port, echo_seconds=peer.echo_seconds)
    await probe.introduce(profile)
    profile.checks_called = await probe.rejects(7, called=UNKNOWN_TITLE)
    profile.checks_calling = await probe.rejects(3, calling=UNKNOWN_TITLE)
    profile.async_window = await probe.window()
    profile.user_identity = [each for each in IDENTITY_TYPES if await probe.acknowledges(each)]
    profile.classes = await probe.classes()
    profile.roles = await probe.roles(list(profile.classes))
    profile.closes_after_rp = await probe.closes_after_rp()
    profile.concurrency = await probe.crowd()
    # Last and alone: a peer that takes one association after the other serves nobody beside an idle connection.
    profile.t_artim = await probe.artim(artim_seconds)
    return profile, ""


class Probe:
    """The measurements.

    Args:
        settings: the peer's address and titles.
        peer: the same, to dial.
    """

    def __init__(self, settings: Settings, peer: AcceptorPeer) -> None:
        self._settings = settings
        self._peer = peer

    def _trial(self) -> Trial:
        return Trial(_PROBE, "", self._peer, self._settings)

    async def _answer(self, trial: Trial, contexts: Sequence[bytes] = (), **how: object) -> Seen | None:
        """The first PDU that answers an A-ASSOCIATE-RQ."""
        try:
            await trial.open()
        except Undriven:
            return None
        await trial.send(request(trial, contexts, **how))
        await trial.link.until(lambda: bool(trial.track.pdus) or trial.track.closed, self._settings.react)
        return trial.track.pdus[0] if trial.track.pdus else None

    async def _ask(self, contexts: Sequence[bytes] = (), **how: object) -> Seen | None:
        """The same, on an association that is ended at once."""
        trial = self._trial()
        answer = await self._answer(trial, contexts, **how)
        if answer is not None and answer.type == 0x02:
            await trial.send(frames.release_rq())
            await trial.link.until(lambda: trial.track.closed or len(trial.track.pdus) > 1, self._settings.react)
        await trial.finish()
        return answer

    async def introduce(self, profile: Profile) -> None:
        """What it says of itself in an A-ASSOCIATE-AC."""
        answer = await self._ask()
        if answer is None or answer.type != 0x02:
            return
        profile.maximum_length = answer.maximum_length
        said = {item.type: item.value.decode("latin-1") for item in answer.user_items}
        profile.implementation_class_uid = said.get(0x52, "").strip("\0")
        profile.implementation_version_name = said.get(0x55, "").strip()

    async def rejects(self, reason: int, **titles: str) -> bool:
        """Whether a title nobody knows is rejected for that reason (Table 9-21)."""
        answer = await self._ask((), **titles)
        return answer is not None and answer.type == 0x03 and answer.byte[1:] == (1, reason)

    async def _user_item(self, type_: int, offered: bytes) -> bytes | None:
        """The sub-item of a type with which it answers one of ours."""
        user = frames.user_information(frames.maximum_length(), frames.implementation_class(), offered)
        answer = await self._ask(user=user)
        found = answer.user_items if answer is not None and answer.type == 0x02 else []
        return next((item.value for item in found if item.type == type_), None)

    async def window(self) -> tuple[int, int] | None:
        """The asynchronous operations window it takes (PS3.7 D.3.3.3); None when it says nothing."""
        value = await self._user_item(0x53, frames.item(0x53, pack(">HH", WINDOW, WINDOW)))
        if value is None or len(value) != 4:
            return None
        invoked, performed = unpack(">HH", value)
        return invoked, performed

    async def acknowledges(self, identity_type: int) -> bool:
        """Whether it answers a user identity whose acknowledgement is asked for (PS3.7 D.3.3.7)."""
        name, passcode = b"dulcet", b"conformance" if identity_type == 2 else b""
        value = bytes([identity_type, 1]) + pack(">H", len(name)) + name + pack(">H", len(passcode)) + passcode
        return await self._user_item(0x59, frames.item(0x58, value)) is not None

    async def classes(self) -> dict[str, list[str]]:
        """The transfer syntaxes it accepts for each SOP class, each asked for alone."""
        asked = [(uid, syntax) for uid in SOP_CLASSES for syntax in TRANSFER_SYNTAXES]
        answer = await self._ask([frames.proposed(2 * n + 1, uid, [syntax]) for n, (uid, syntax) in enumerate(asked)])
        results = answer.results if answer is not None and answer.type == 0x02 else {}
        found: dict[str, list[str]] = {}
        for number, (uid, syntax) in enumerate(asked):
            if results.get(2 * number + 1) == 0:
                found.setdefault(uid, []).append(syntax)
        return found

    async def roles(self, classes: Sequence[str]) -> dict[str, list[int]]:
        """The roles it answers with for each SOP class, where both are proposed (PS3.7 D.3.3.4)."""
        contexts = [frames.proposed(2 * n + 1, uid, [frames.IMPLICIT]) for n, uid in enumerate(classes)]
        selections = [frames.role_selection(uid, 1, 1) for uid in classes]
        user = frames.user_information(frames.maximum_length(), frames.implementation_class(), *selections)
        answer = await self._ask(contexts, user=user)
        found = answer.user_items if answer is not None and answer.type == 0x02 else []
        values = [item.value for item in found if item.type == 0x54 and len(item.value) > 4]
        return {value[2:-2].decode("latin-1").strip("\0"): [int(byte == 1) for byte in value[-2:]] for value in values}

    async def closes_after_rp(self) -> bool:
        """Whether it closes behind its A-RELEASE-RP, instead of leaving that to the requestor."""
        trial = self._trial()
        try:
            await trial.drive("Sta13")
            await trial.link.quiet(self._settings.settle)
            return trial.track.closed
        except Undriven:
            return False
        finally:
            await trial.finish()

    async def artim(self, seconds: float) -> float | None:
        """Seconds until it closes an idle connection; None when it does not in time."""
        trial = self._trial()
        await trial.drive("Sta2")
        began = time.monotonic()
        closed = await trial.link.until(lambda: trial.track.closed, seconds)
        took = time.monotonic() - began
        await trial.finish()
        return took if closed else None

    async def crowd(self) -> int:
        """How many associations it serves at once, up to `MOST_ASSOCIATIONS`."""
        trials = [self._trial() for _ in range(MOST_ASSOCIATIONS)]
        answers = [await self._answer(trial) for trial in trials[:1]]
        answers += await asyncio.gather(*(self._answer(trial) for trial in trials[1:]))
        for trial in trials:
            await trial.finish()
        return sum(answer is not None and answer.type == 0x02 for answer in answers)


async def _unused(_trial: Trial) -> None:
    """A measurement is no case of the catalogue, and has no script."""


_PROBE = Case("X-00", "probe", "a measurement", "A", Level.M, ("PS3.8 7.1",), _unused)
