"""`dulcet echoscu`: is a peer there? (Verification, PS3.4 Annex A)."""

import argparse
import time

from ..dimse.status import Status
from ..services.scu import LiveAssociation
from ..services.verification import VERIFICATION
from .connection import leave, log_for, peer_of, report_for, scu_for, tell_agreement
from .exit_codes import SEVERITY, ExitCode, for_status, worst
from .interrupts import Interrupts
from .log import Log
from .options.transfer_syntaxes import PROPOSABLE
from .reporting import Report, Tally


def main(options: argparse.Namespace) -> int:
    """Associate, C-ECHO as often as asked, release or abort."""
    if options.verify_cert is not None or options.is_root_cert is not None:
        from . import certificates

        return certificates.main(options)
    log, report, peer = log_for(options), report_for(options), peer_of(options)
    contexts = [(VERIFICATION, PROPOSABLE[: options.propose_ts])] * options.propose_pc
    scu = scu_for(options, log)
    log.info("requesting association", peer=str(peer))
    answers: list[Status] = []
    ends: list[ExitCode] = []
    wanted = options.repeat > 1 and not (options.no_progress or options.json or options.log_level == "fatal")
    with scu.associate(peer, contexts) as association, Interrupts() as interrupts:
        tell_agreement(options, log, association.agreement)
        with Tally("C-ECHO", "answers", wanted=wanted) as tally:
            while len(answers) < options.repeat and not interrupts.wanted:
                answers.append(_echo(association, log, report))
                tally.tell(len(answers), options.repeat)
        ends.append(leave(association, log, abort=options.abort))
    if interrupts.wanted:
        ends.append(ExitCode.INTERRUPTED)
    status = max(answers, key=lambda answer: SEVERITY.index(for_status(answer.category)), default=Status(0))
    code = worst([for_status(status.category), *ends])
    remark = f"; {worst(ends).words}" if any(ends) else ""
    report.summary(f"{peer} answered: {status}{remark}", peer=str(peer), status=f"0x{status:04X}", exit_code=int(code))
    return code


def _echo(association: LiveAssociation, log: Log, report: Report) -> Status:
    log.info("sending C-ECHO request")
    began = time.monotonic()
    status = association.echo()
    seconds = time.monotonic() - began
    if log.says("info"):
        log.info("received C-ECHO response", status=str(status))
    report.record("echo", status=f"0x{status:04X}", seconds=round(seconds, 6))
    return status
