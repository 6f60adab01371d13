"""`dulcet echoscu`: is a peer there? (Verification, PS3.4 Annex A)."""

import time
from collections.abc import Sequence

from ..dimse.status import Status
from ..services.verification import VERIFICATION
from .connection import log_for, peer_of, report_for, scu_for, tell_agreement
from .exit_codes import ExitCode, for_status, worst
from .options import parse
from .transfer_syntaxes import PROPOSABLE


def main(argv: Sequence[str]) -> int:
    """Associate, C-ECHO as often as asked, release or abort."""
    options = parse("echoscu", argv)
    log, report, peer = log_for(options), report_for(options), peer_of(options)
    contexts = [(VERIFICATION, PROPOSABLE[: options.propose_ts])] * options.propose_pc
    log.info("requesting association", peer=str(peer))
    codes: list[ExitCode] = []
    status = Status(0)
    with scu_for(options, log).associate(peer, contexts) as association:
        tell_agreement(log, association.agreement)
        for _ in range(options.repeat):
            began = time.monotonic()
            status = association.echo()
            log.info("received C-ECHO response", status=str(status))
            report.record("echo", status=f"0x{status:04X}", seconds=round(time.monotonic() - began, 6))
            codes.append(for_status(status.category))
        if options.abort:
            log.info("aborting association")
            association.abort()
    code = worst(codes)
    report.summary(f"{peer} answered: {status}", peer=str(peer), status=f"0x{status:04X}", exit_code=int(code))
    return code
