"""The transport service (PS3.8 9.1): the only sockets, TLS, clocks and threads of dulcet.

Everything here drives *any* sans-IO thing (`SansIO`), never only ours: an `UpperLayer`, an `Association`,
a test's toy. `blocking` drives one on the caller's thread, `aio` on an asyncio loop, where `listen` accepts
connections. `tls_layer` is a thing that wraps another in TLS, and `tls` makes the contexts that PS3.15
Annex B asks for.
"""

from .sansio import SansIO

__all__ = ["SansIO"]
