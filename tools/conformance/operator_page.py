"""The page of `--manual`: tells somebody at a requestor what to dial now, and how each case came out, at once.

For peers that no command and no POST can make dial, as most modalities (catalogue 4.4). The page is served from where
the tester listens for the peer too, is only read, has no script, and asks for itself anew every second; so it may lie
open on any screen next to the device. When the run is over it is given out once more, with all the verdicts.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from html import escape

from .case import registry
from .results import Result
from .trigger import Asked, dialled

REFRESH_SECONDS = 1
"""After which a browser asks again."""
LAST_SECONDS = 5.0
"""For a browser that was there to fetch the verdicts, when the run is over."""
REQUEST_SECONDS = 5.0
LONGEST_REQUEST = 1 << 14
"""Bytes of an HTTP request's head."""
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">{refresh}<title>dulcet conformance</title>
<style>body {{ font: 1.2em sans-serif; margin: 2em; max-width: 60em }} dt {{ float: left; clear: left; width: 9em }}
dd {{ font: bold 1.4em monospace; margin-left: 7em }} td {{ padding: .1em 1em .1em 0; vertical-align: top }}</style>
</head><body>
{now}
<h2>{count} of {total} cases</h2>
<table>
{rows}
</table>
</body></html>
"""
_ASK = """<h1>Make the peer connect now</h1>
<dl><dt>host</dt><dd>{host}</dd><dt>port</dt><dd>{port}</dd><dt>called AE title</dt><dd>{aet}</dd></dl>
<p>{case}. {left:.0f} s are left.</p>"""


class Page:
    """What the operator is told, and a trigger: it is pulled by telling them.

    Args:
        total: cases there will be.
        tell: shows a line on the terminal, for those who have no browser at hand.
        seconds: how long a connection is waited for.
    """

    chooses_title = True
    description = "operated by hand"

    def __init__(self, total: int, tell: Callable[[str], None], seconds: float) -> None:
        self.url = ""
        """Where it is served."""
        self._tell = tell
        self._total = total
        self._seconds = seconds
        self._asking: dict[str, str] = {}
        self._until = 0.0
        self._results: list[Result] = []
        self._over = False
        self._watched = False
        self._fetched = asyncio.Event()

    async def pull(self, host: str, port: int, aet: str, case: str) -> "_Asked":
        """Say what to dial."""
        host = dialled(host)
        title = registry()[case].title if case in registry() else "an ordinary association, before and after the cases"
        self._asking = {"host": host, "port": str(port), "aet": aet, "case": f"{case}: {title}"}
        self._until = time.monotonic() + self._seconds
        self._tell(f"{case}: make the peer connect to {host} port {port}, called AE title {aet} ({title})")
        return _Asked(self, self._seconds)

    def ended(self, result: Result) -> None:
        """A case has its result."""
        self._results.append(result)

    def answered(self) -> None:
        """Nothing is to be dialled until the next case."""
        self._asking = {}

    # ---- serving ----

    @asynccontextmanager
    async def serving(self, host: str) -> AsyncIterator[None]:
        """Give the page to whoever asks, at any free port; at the end to a browser that was there, for the last time.

        Raises:
            OSError: nothing can be listened on there.
        """
        server = await asyncio.start_server(self._answer, host, 0, family=socket.AF_INET, limit=LONGEST_REQUEST)
        async with server:
            port = server.sockets[0].getsockname()[1]
            self.url = f"http://{dialled(host)}:{port}/"
            yield
            self._over = True
            if self._watched:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._fetched.wait(), LAST_SECONDS)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                right = head.startswith(b"GET / ")
                body = self.html().encode() if right else b""
                status = "200 OK" if right else "404 Not Found"
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
                    "Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
            self._watched |= right
            if right and self._over:
                self._fetched.set()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # no browser, or one that has gone: it loses nothing
        finally:
            writer.close()

    def html(self) -> str:
        """The page as it stands."""
        if self._over:
            now = "<h1>Done. Nothing more is to be dialled.</h1>"
        elif self._asking:
            asked = {name: escape(value) for name, value in self._asking.items()}
            now = _ASK.format(left=max(0.0, self._until - time.monotonic()), **asked)
        else:
            now = "<h1>Please wait</h1>"
        refresh = "" if self._over else f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">'
        rows = "\n".join(_row(each) for each in reversed(self._results))
        return _PAGE.format(refresh=refresh, now=now, count=len(self._results), total=self._total, rows=rows)


class _Asked(Asked):
    """An operator who was asked by the page."""

    def __init__(self, page: Page, seconds: float) -> None:
        super().__init__(seconds)
        self._page = page

    async def finish(self, seconds: float) -> None:
        """The conversation is over."""
        self._page.answered()


def _row(result: Result) -> str:
    why = result.reason or next((each.why for each in result.exchanges if each.why), "")
    cells = (result.verdict or str(result.outcome), result.id, result.title, result.signature, why)
    return f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in cells)}</tr>"
