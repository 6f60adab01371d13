"""For tests of what runs on an event loop: on asyncio's own and on uvloop, bounded in time. A pytest plugin."""

import asyncio
import gc
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from certificates import Certificates
from dulcet.dul.transport.tls import client_context, server_context

LIMIT = 20.0
"""Seconds for a test as a whole; only failures take that long."""
Run = Callable[[Coroutine[Any, Any, None]], None]
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine, bounded in time; whatever the loop would only log fails the test."""

    def run(main: Coroutine[Any, Any, None]) -> None:
        faults: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: faults.append(context))
            runner.run(asyncio.wait_for(main, LIMIT))
            gc.collect()
        assert faults == []

    return run


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """A client's and a server's, each with a certificate that the other trusts."""
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    server = server_context(certificate=made.server.certificate_file, key=made.server.key_file, ca_files=made.ca_files)
    client = client_context(certificate=made.client.certificate_file, key=made.client.key_file, ca_files=made.ca_files)
    return client, server
