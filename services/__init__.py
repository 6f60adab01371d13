"""Service classes (PS3.4) and the network endpoints that offer and use them: verification, storage, shutdown.

An `SCP` serves services to whoever calls; an `SCU` uses those of an `Entity`, blocking or, in `aio`, on asyncio.
Data sets are pydicom's here, and a file that need not be decoded is not. The public names are those of
`dulcet` itself.

Imports `dimse` and all below it, pydicom and structlog; sockets, clocks and threads only through
`dul.transport` and in the endpoints `scu`, `scp`, `aio`.
"""
