"""Ports for servers that must be told theirs: foreign ones, and those that are not to be there yet, or at all."""

import socket


def free_port() -> int:
    """A port that nobody listens on, and that the kernel gives to nobody else meanwhile.

    A connection that was closed from this side leaves its port in TIME-WAIT for a minute. Such a port is in no hat
    from which ports are drawn, here or in another process of the same run, but a server that asks for it by number and
    with SO_REUSEADDR, as servers do, gets it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listening.accept()
            accepted.close()
    return port
