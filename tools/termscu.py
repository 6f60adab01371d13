"""`dulcet termscu`: ask a server to stop (DCMTK's private Shutdown SOP class)."""

from collections.abc import Sequence

from ..services.errors import AssociationRejected
from ..services.shutdown import SHUTDOWN
from .connection import log_for, peer_of, report_for, scu_for
from .exit_codes import ExitCode
from .options import parse

SERVICE_USER, NO_REASON_GIVEN = 1, 1


def main(argv: Sequence[str]) -> int:
    """Propose the Shutdown SOP class; the rejection is the peer's consent."""
    options = parse("termscu", argv)
    log, report, peer = log_for(options), report_for(options), peer_of(options)
    log.info("requesting shutdown", peer=str(peer))
    try:
        scu_for(options, log).associate(peer, [SHUTDOWN]).__exit__(None, None, None)
    except AssociationRejected as error:
        if (error.source, error.reason) != (SERVICE_USER, NO_REASON_GIVEN):
            raise
        log.info("rejected, as was to be expected")
        report.summary(f"{peer} agreed to stop", peer=str(peer), exit_code=0)
        return ExitCode.SUCCESS
    report.summary(f"{peer} accepted the association, but does not stop", peer=str(peer), exit_code=int(ExitCode.FAILURE))
    return ExitCode.FAILURE
