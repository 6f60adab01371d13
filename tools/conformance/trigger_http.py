"""A requestor that dials when an HTTP server is asked to make it: `--trigger-http URL` (catalogue 4.4).

Devices and archives with a REST API (Orthanc's `/tools/dicom-echo`, a test hook of one's own) are triggered by one POST
a case. URL and body have the placeholders of a command, `{host}`, `{port}`, `{aet}` and `{case}`. A name and a
password in the URL are sent as basic authentication (RFC 7617) and stand in no report. What the server answers is
recorded and never judged.
"""

import asyncio
import base64
import contextlib
import http.client
import socket
from urllib.parse import SplitResult, unquote, urlsplit

from ..exit_codes import ExitCode, Failure
from .results import TriggerRun
from .trigger import KEPT_OUTPUT, dialled, filled

CONNECTIONS = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
CONNECT_SECONDS = 10.0
"""For a connection with the server."""
LONGEST_SECONDS = 300.0
"""Between two bytes of the server, at most: it may answer only when the association is over."""


class HttpTrigger:
    """A POST a case.

    Args:
        url: http or https, with placeholders.
        body: with placeholders; "" sends none.

    Raises:
        Failure: the URL is none.
    """

    def __init__(self, url: str, body: str = "") -> None:
        if urlsplit(url).scheme not in CONNECTIONS or not urlsplit(url).hostname:
            raise Failure(ExitCode.USAGE, f"{url} is no URL of http or https")
        self._url, self._body = url, body
        self.chooses_title = "{aet}" in url + body
        self.description = f"POST {_shown(urlsplit(url))}"

    async def pull(self, host: str, port: int, aet: str, case: str) -> "Posted":
        """Ask the server."""
        values = {"host": dialled(host), "port": str(port), "aet": aet, "case": case}
        return Posted(urlsplit(filled(self._url, values)), filled(self._body, values).encode())


class Posted:
    """A server that was asked.

    Args:
        url: without placeholders.
        body: to be sent, bytes.
    """

    def __init__(self, url: SplitResult, body: bytes) -> None:
        self._url, self._body = url, body
        self._connection = CONNECTIONS[url.scheme](url.netloc.rpartition("@")[2], timeout=CONNECT_SECONDS)
        self._sock: socket.socket | None = None
        self._answer = asyncio.ensure_future(asyncio.to_thread(self._ask))

    def _ask(self) -> tuple[int, str]:
        """0 when the server says that it went well, and what it said."""
        url = self._url
        headers = {"Content-Type": "application/json"} if self._body else {}
        if url.username:
            word = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(word).decode()}"
        try:
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
            self._connection.connect()
            self._sock = self._connection.sock
            self._sock.settimeout(LONGEST_SECONDS)
            self._connection.request("POST", target, self._body, headers)
            answer = self._connection.getresponse()
            said = answer.read(KEPT_OUTPUT).decode("utf-8", "backslashreplace").strip()
        except (OSError, http.client.HTTPException) as error:
            return 1, f"none, {error}"
        finally:
            self._connection.close()
        return int(not 200 <= answer.status < 300), f"{answer.status} {answer.reason} {said}".strip()

    async def ended(self) -> str:
        """Waits for the answer."""
        _, said = await asyncio.shield(self._answer)
        return f"the server's answer: {said}"

    async def finish(self, seconds: float) -> TriggerRun:
        """Wait for the answer, or hang up."""
        code: int | None = None
        try:
            code, said = await asyncio.wait_for(asyncio.shield(self._answer), seconds)
        except TimeoutError:
            if self._sock is not None:
                with contextlib.suppress(OSError):  # not connected any more
                    self._sock.shutdown(socket.SHUT_RDWR)
            _, said = await self._answer
        return TriggerRun(("POST", _shown(self._url)), code, said)


def _shown(url: SplitResult) -> str:
    """A URL without name and password."""
    return url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
