"""Commands of the peer's owner that do what no PDU can: make an acceptor ask for release, start a peer anew.

A hook is a list of words with placeholders, and no shell sees it. It says by its exit code whether it could be done;
how the peer behaves afterwards is seen on the wire only. What it starts may outlive it: a peer that is started anew.
"""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Sequence

from .settings import Settings
from .trigger import KEPT_OUTPUT, filled


async def run(words: Sequence[str], settings: Settings, case: str, seconds: float) -> str:
    """Run a hook to its end; what was wrong with it, or nothing.

    Args:
        words: of the command, with the placeholders of triggers.
        settings: of the peer, whose address and title are filled in.
        case: the id of the case that it is for.
        seconds: it may take.
    """
    values = {"host": settings.host, "port": str(settings.port), "aet": settings.called, "case": case}
    with tempfile.TemporaryFile() as told:  # no pipe: what outlives the command would keep it open
        try:
            process = await asyncio.create_subprocess_exec(
                *(filled(word, values) for word in words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                start_new_session=True,
            )
        except OSError as error:
            return f"{words[0]} cannot be run: {error}"
        try:
            code = await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            return f"{words[0]} did not end within {seconds:g} s"
        told.seek(0)
        said = told.read(KEPT_OUTPUT).decode("utf-8", "backslashreplace").strip()
        return f"{words[0]} ended with {code}: {said}".rstrip(": ") if code else ""
