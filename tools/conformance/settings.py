"""What a run is told: the peer's address and titles, the three clocks, and the mode."""

from dataclasses import dataclass, field

from .frames import MAXIMUM_LENGTH
from .link import Delivery
from .profile import Profile

REACT_SECONDS = 2.0
"""At least, for a reaction that is due."""
SETTLE_SECONDS = 0.3
"""Quiet time that proves "nothing more"."""
ARTIM_CEILING = 120.0
"""At most, for ARTIM, where nobody has measured it."""
ARTIM_SLACK = 0.15
"""Share of ARTIM by which a timer may be late or early, and at least `ARTIM_SLACK_SECONDS`."""
ARTIM_SLACK_SECONDS = 1.5


@dataclass(slots=True)
class Settings:
    """Of one run."""

    host: str = "127.0.0.1"
    port: int = 0
    """Role A: the peer's; role R: the one we listen on."""
    called: str = "ANY-SCP"
    """The peer's AE title, role A."""
    calling: str = "DULCET"
    """Ours, role A."""
    react: float = REACT_SECONDS
    """Seconds for a reaction that is due; raised to ten echo round trips when the peer is slower."""
    settle: float = SETTLE_SECONDS
    """Seconds of quiet that prove "nothing more"."""
    artim: float | None = None
    """The peer's ARTIM, seconds; None when nobody told or measured it."""
    connect: float = 10.0
    """Seconds for a TCP connection."""
    trigger_seconds: float = 15.0
    """Role R: for the peer to dial after the trigger, and for the trigger to end after the case."""
    delivery: Delivery = Delivery.COALESCED
    """How what a case sends is handed to TCP, but for a case that says it itself (P-05)."""
    syntax: str = ""
    """The transfer syntax that is proposed, or taken, where the peer has it: "implicit", "explicit", or "" for its
    first."""
    maximum: int = MAXIMUM_LENGTH
    """Our maximum length, bytes; 0 for none (D.1)."""
    contexts: int = 1
    """Presentation contexts that are proposed, role A: the case's own, and Verification in as many more."""
    tls: bool = False
    tls_key: str = ""
    tls_cert: str = ""
    """Our key and certificate (PEM); "" for none, which is for role A only."""
    tls_port: int = 0
    """Role A: where the peer speaks TLS; 0 for `port`."""
    pairwise: bool = False
    """Whether each case is played under pairs of these conditions (`conditions`)."""
    strict: bool = False
    robust: bool = False
    slow: bool = False
    """Whether cases that wait for timers are run."""
    allow_dos: bool = False
    pid: int | None = None
    """Of the peer's process, role A, where it is on this machine; None when nobody told."""
    keep_identities: bool = False
    """Whether user identities that a peer sends stand in the reports (PS3.7 D.3.3.7)."""
    jobs: int = 1
    """Cases at once; waiting cases are always run side by side."""
    waiting_jobs: int = 16
    """Waiting cases at once."""
    repeat: int = 1
    fail_fast: bool = False
    isolate: bool = False
    restart: list[str] = field(default_factory=list)
    """The command that starts the peer anew, when a case left it unwell; [] when there is none."""
    profile: Profile = field(default_factory=Profile)

    @property
    def dialled_port(self) -> int:
        """Role A: the peer's port."""
        return self.tls_port if self.tls and self.tls_port else self.port

    @property
    def mode(self) -> str:
        """ "default", "strict", "robust" or both."""
        return "+".join(word for word in ("strict", "robust") if getattr(self, word)) or "default"

    @property
    def artim_limit(self) -> float:
        """Seconds after which ARTIM must have fired: the known value and a margin, or the ceiling."""
        if self.artim is None:
            return ARTIM_CEILING
        return self.artim + max(ARTIM_SLACK_SECONDS, self.artim * ARTIM_SLACK)

    @property
    def artim_start(self) -> float:
        """Seconds before which ARTIM must not have fired; 0 where it is not known."""
        return 0.0 if self.artim is None else self.artim - max(ARTIM_SLACK_SECONDS, self.artim * ARTIM_SLACK)
