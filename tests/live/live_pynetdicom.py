"""pynetdicom as a peer: reads requests from standard input, one line of JSON each, and answers with one line each.

{"do": "serve", "keep": "/tmp/x", "maximum_length": 0}       {"port": 40123}
{"do": "store", "port": 40123, "files": ["a.dcm"]}           {"ended": "released", "statuses": [0], ...}
"""

import json
import sys
import traceback
from pathlib import Path
from ssl import CERT_REQUIRED, PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import live_pynetdicom_normalized
import live_pynetdicom_queries
import live_pynetdicom_query
from live_pynetdicom_pause import steady
from pydicom import dcmread
from pynetdicom import AE, _config, build_context, evt
from pynetdicom.pdu import A_ASSOCIATE_RJ

_config.STORE_SEND_CHUNKED_DATASET = True

VERIFICATION = "1.2.840.10008.1.1"
SERVERS: dict[int, Any] = {}
REJECTIONS: list[Any] = []
"""A-ASSOCIATE-RJ that came for the last request. (pynetdicom itself now and then calls such an association aborted.)"""


def tls(options: dict[str, Any], kind: int) -> SSLContext | None:
    """The TLS context that was asked for."""
    files = options.get("tls")
    if files is None:
        return None
    context = SSLContext(kind)
    context.load_verify_locations(files["authority"])
    if files["certificate"]:
        context.load_cert_chain(files["certificate"], files["key"])
    if files["certificate"] and kind == PROTOCOL_TLS_SERVER:
        context.verify_mode = CERT_REQUIRED
    return context


class Steady(AE):
    """An application entity whose associations lose no response to themselves; see `live_pynetdicom_pause`."""

    def associate(self, *arguments: Any, **more: Any) -> Any:
        """Request an association."""
        return steady(super().associate(*arguments, **more))


def entity(options: dict[str, Any]) -> AE:
    """An application entity with the limits that were asked for."""
    ae = Steady(ae_title=options.get("title", "PYNETDICOM"))
    ae.maximum_pdu_size = options.get("maximum_length", 16384)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = options.get("seconds", 10)
    return ae


def serve(options: dict[str, Any]) -> dict[str, Any]:
    """Start a storage and verification SCP that keeps data sets as they came."""
    ae = entity(options)
    ae.require_called_aet = options.get("require_called", False)
    ae.maximum_associations = options.get("maximum_associations", 10)
    ae.add_supported_context(VERIFICATION)
    for uid, syntaxes in options.get("contexts", {}).items():
        ae.add_supported_context(uid, syntaxes)
    keep = Path(options.get("keep", "."))

    def store(event: Any) -> int:
        if "abort" in options:
            event.assoc.abort()
        data_set = event.request.DataSet.getvalue()
        (keep / f"{event.request.AffectedSOPInstanceUID}.{event.context.transfer_syntax}").write_bytes(data_set)
        return int(options.get("status", 0))

    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[(evt.EVT_C_STORE, store)],
        ssl_context=tls(options, PROTOCOL_TLS_SERVER),
    )
    return started(server, unrestricted="contexts" not in options)


def started(server: Any, *, unrestricted: bool = False) -> dict[str, Any]:
    """Where it listens.

    Whether it takes whatever storage SOP class it does not know is a setting of pynetdicom's whole process, under which
    roles are negotiated otherwise too: each start sets it, or what one test asked for would decide the next one's.
    """
    _config.UNRESTRICTED_STORAGE_SERVICE = unrestricted
    port = int(server.server_address[1])
    SERVERS[port] = server
    return {"port": port}


def stop(options: dict[str, Any]) -> dict[str, Any]:
    """Stop an SCP."""
    SERVERS.pop(options["port"]).shutdown()
    return {}


def associate(options: dict[str, Any], contexts: list[Any]) -> Any:
    """Request an association with our SCP."""
    context = tls(options, PROTOCOL_TLS_CLIENT)
    REJECTIONS.clear()

    def heard(event: Any) -> None:
        REJECTIONS.extend([event.pdu] if isinstance(event.pdu, A_ASSOCIATE_RJ) else [])

    return entity(options).associate(
        "127.0.0.1", options["port"], contexts=contexts, ae_title=options.get("called", "DULCET"),
        max_pdu=options.get("maximum_length", 16384), tls_args=None if context is None else (context, "localhost"),
        evt_handlers=[(evt.EVT_PDU_RECV, heard)],
    )  # fmt: skip


def ending(association: Any, how: str = "release") -> dict[str, Any]:
    """End an association, and tell how it ended and what it was like."""
    said: dict[str, Any] = {
        "contexts": len(association.accepted_contexts),
        "maximum_length": association.acceptor.maximum_length if association.is_established else None,
    }
    if association.is_established:
        getattr(association, how)()
    for rejection in REJECTIONS:
        said["rejection"] = [rejection.result, rejection.source, rejection.reason_diagnostic]
    for word in ("released", "rejected", "aborted"):
        if getattr(association, f"is_{word}"):
            said["ended"] = word
    return said


def echo(options: dict[str, Any]) -> dict[str, Any]:
    """C-ECHO several times, over so many contexts."""
    association = associate(options, [build_context(VERIFICATION) for _ in range(options.get("contexts", 1))])
    statuses = []
    if association.is_established:
        statuses = [association.send_c_echo().get("Status") for _ in range(options.get("times", 1))]
    return {"statuses": statuses} | ending(association, options.get("end", "release"))


def store(options: dict[str, Any]) -> dict[str, Any]:
    """C-STORE files as they lie there."""
    files = {path: dcmread(path, stop_before_pixels=True, force=True) for path in options["files"]}
    needs = {(ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.TransferSyntaxUID) for ds in files.values()}
    association = associate(options, [build_context(*need) for need in sorted(needs)])
    statuses = []
    if association.is_established:
        statuses = [association.send_c_store(path).get("Status") for path in files]
    return {"statuses": statuses} | ending(association)


def serve_normalized(options: dict[str, Any]) -> dict[str, Any]:
    """Start an SCP of DIMSE-N services; see `live_pynetdicom_normalized`."""
    return started(live_pynetdicom_normalized.serve(entity(options), options))


def invoke_normalized(options: dict[str, Any]) -> dict[str, Any]:
    """Invoke DIMSE-N operations; see `live_pynetdicom_normalized`."""
    return live_pynetdicom_normalized.invoke(entity(options), options)


def serve_archive(options: dict[str, Any]) -> dict[str, Any]:
    """Start an SCP that is queried; see `live_pynetdicom_query`."""
    return started(live_pynetdicom_query.serve(entity(options), options))


def serve_worklist(options: dict[str, Any]) -> dict[str, Any]:
    """Start an SCP that has a worklist; see `live_pynetdicom_query`."""
    return started(live_pynetdicom_query.serve_worklist(entity(options), options))


def query(options: dict[str, Any]) -> dict[str, Any]:
    """Query; see `live_pynetdicom_query`."""
    return live_pynetdicom_query.find(entity(options), options)


DO = {
    "serve": serve,
    "stop": stop,
    "echo": echo,
    "store": store,
    "serve-normalized": serve_normalized,
    "invoke-normalized": invoke_normalized,
    "find": lambda options: live_pynetdicom_queries.find(entity(options), options),
    "get": lambda options: live_pynetdicom_queries.get(entity(options), options),
    "serve-archive": serve_archive,
    "serve-worklist": serve_worklist,
    "query": query,
    "cancelled": live_pynetdicom_query.cancelled,
    "heard": live_pynetdicom_normalized.heard,
}
"""What it can be asked for."""


def main() -> None:
    """Answer until there are no more requests."""
    for line in sys.stdin:
        options = json.loads(line)
        try:
            answer = DO[options["do"]](options)
        except Exception:  # noqa: BLE001  # whatever it is, the test shows it
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
