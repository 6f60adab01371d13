"""The least a server in Python does on an event loop: canned answers to C-ECHO, each to a read, which is looked at no
further than its first byte. `python bare.py PORT`, with uvloop where it can be imported.

What separates this one from the C sink is Python's and the loop's: dulcet can at best come near it.
"""

import asyncio
import sys

from dulcet.acse.association import Association
from dulcet.acse.policy import Policy, SupportedContext
from dulcet.dimse.messages import C_ECHO_RSP
from dulcet.dul.p_data import p_data_header

VERIFICATION, IMPLICIT = "1.2.840.10008.1.1", "1.2.840.10008.1.2"
ASSOCIATE_RQ, P_DATA_TF = 1, 4
COMMAND = C_ECHO_RSP(message_id_being_responded_to=1, affected_sop_class_uid=VERIFICATION, status=0).encode()
RESPONSE = p_data_header(len(COMMAND), 1, 3) + COMMAND
RELEASE_RP = bytes([6, 0, 0, 0, 0, 4, 0, 0, 0, 0])


def accepted(request: memoryview) -> bytes:
    """The A-ASSOCIATE-AC to a request."""
    association = Association(Policy({VERIFICATION: SupportedContext((IMPLICIT,))}))
    association.offered(0.0)
    association.receive(request, 0.0)
    return b"".join(item for item in association.outbox if isinstance(item, bytes))


class Bare(asyncio.BufferedProtocol):
    """One connection; all requests for an association are taken to be the same."""

    acceptance = b""
    buffer = memoryview(bytearray(1 << 16))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        answer = RELEASE_RP
        if self.buffer[0] == P_DATA_TF:
            answer = RESPONSE
        elif self.buffer[0] == ASSOCIATE_RQ:
            answer = Bare.acceptance = Bare.acceptance or accepted(self.buffer[:nbytes])
        self.transport.write(answer)  # type: ignore[attr-defined]  # it is one that writes


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.run(main(int(sys.argv[1])))
    except ImportError:
        asyncio.run(main(int(sys.argv[1])))
