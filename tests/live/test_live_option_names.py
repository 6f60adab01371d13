"""The options typed by hand in `dcmtk_options` are those that DCMTK's own tools tell of, and newer ones besides."""

import re
import subprocess

import pytest
from dcmtk_options import LETTERS, options
from live_peers import SECONDS, dcmtk

pytestmark = pytest.mark.usefixtures("dcmtk")
SPELLINGS = re.compile(r"\s+((?:[-+]\S+\s+)?--[a-z0-9][-a-z0-9]*)(?:\s|$)")
"""The beginning of a line of `--help` that tells of an option."""
NEWER = {"-i4 --ipv4", "-i6 --ipv6", "-i0 --ip-auto", "--max-associations"}
"""Not in 3.6.7; all about TLS is newer in some tool or other, or depends on how DCMTK was built."""
TLS = (
    "--profile",
    "--list-",
    "-sni",
    "-tls",
    "-passwd",
    "-keys",
    "--add-c",
    "--enable-crl",
    "--cipher",
    "seed",
    "-peer-",
)


@pytest.mark.parametrize("tool", LETTERS)
def test_every_option_of_dcmtk_s_is_known(tool: str) -> None:
    ran = subprocess.run([dcmtk(tool), "--help"], capture_output=True, text=True, timeout=SECONDS, check=True)
    told = {" ".join(match[1].split()) for line in ran.stdout.splitlines() if (match := SPELLINGS.match(line))}
    known = set(options(tool, "MSR"))
    assert len(told) > 10
    assert told <= known
    assert not {each for each in known - told - NEWER if not any(word in each for word in TLS)}
