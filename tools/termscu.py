"""`dulcet termscu`: ask a server to stop (DCMTK's private Shutdown SOP class)."""

import argparse

from ..services.entity import Entity
from ..services.errors import AssociationRejected
from ..services.scu import SCU
from ..services.shutdown import SHUTDOWN
from .connection import leave, log_for, peer_of, report_for, scu_for
from .exit_codes import ExitCode
from .log import Log

SERVICE_USER, NO_REASON_GIVEN = 1, 1
"""Source and reason of the rejection by which a server consents (PS3.8 Table 9-21)."""


def main(options: argparse.Namespace) -> int:
    """Propose the Shutdown SOP class; the rejection is the peer's consent."""
    log, report, peer = log_for(options), report_for(options), peer_of(options)
    scu = scu_for(options, log)
    log.info("requesting shutdown", peer=str(peer))
    if agrees_to_stop(scu, peer, log):
        log.info("association rejected, which is how a server consents")
        report.summary(f"{peer} agreed to stop", peer=str(peer), exit_code=0)
        return ExitCode.SUCCESS
    words = f"{peer} accepted the association instead of stopping"
    report.summary(words, peer=str(peer), exit_code=int(ExitCode.FAILURE))
    return ExitCode.FAILURE


def agrees_to_stop(scu: SCU, peer: Entity, log: Log) -> bool:
    """Ask a server to stop; False if it accepts the association instead.

    Raises:
        AssociationError: it could not be asked, or rejected the association for another reason.
    """
    try:
        with scu.associate(peer, [SHUTDOWN]) as association:
            leave(association, log)
    except AssociationRejected as error:
        if (error.source, error.reason) != (SERVICE_USER, NO_REASON_GIVEN):
            raise
        return True
    return False
