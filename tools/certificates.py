"""+vc and +rc: would a certificate be accepted in a TLS handshake, and is it that of a root authority?

No peer is needed for that, and none is called. Python's ssl verifies certificates within handshakes only, so the
program `openssl` is asked, with the authorities and revocation lists of the command line.
"""

import argparse
import os
import ssl
import subprocess
import tempfile
from collections.abc import Iterable, Sequence

from .connection import report_for
from .exit_codes import ExitCode, Failure

SECONDS = 30.0
"""After which openssl is given up."""


def main(options: argparse.Namespace) -> int:
    """Print the verdict: 0 if it is good, 22 if not, as DCMTK's echoscu ends."""
    if options.verify_cert is not None:
        words, why = f"{options.verify_cert} would be accepted", refusal(options)
    else:
        words, why = f"{options.is_root_cert} is that of a root authority", no_root(options.is_root_cert)
    code = ExitCode.INVALID_INPUT if why else ExitCode.SUCCESS
    verdict = f"{words.replace(' would', ' would not').replace(' is', ' is not')}: {why}" if why else words
    report_for(options).summary(verdict, peer=None, status=None, exit_code=int(code))
    return code


def refusal(options: argparse.Namespace) -> str:
    """Why the certificate of +vc would not be accepted; nothing if it would.

    Raises:
        Failure: a file cannot be read or holds no certificate, or there is no openssl.
    """
    for path in [options.verify_cert, *options.add_cert_file]:
        _loaded([path])
    words = ["-no-CApath", "-no-CAstore", "-purpose", "sslclient"]
    words += [word for path in options.add_crl_file for word in ("-CRLfile", path)]
    words += {None: [], "leaf": ["-crl_check"], "chain": ["-crl_check_all"]}[options.crl_check]
    if options.add_cert_dir:
        words += ["-CApath", os.pathsep.join(options.add_cert_dir)]
    if not options.add_cert_file:
        return _verified([*words, "-no-CAfile"], options.verify_cert)
    with tempfile.NamedTemporaryFile("wb", suffix=".pem") as trusted:  # openssl takes one file only
        for path in options.add_cert_file:
            with open(path, "rb") as file:
                trusted.write(file.read() + b"\n")
        trusted.flush()
        return _verified([*words, "-CAfile", trusted.name], options.verify_cert)


def no_root(path: str) -> str:
    """Why a certificate is not that of a root authority: an authority's, and signed by itself; nothing if it is.

    Raises:
        Failure: the file cannot be read or holds no certificate, or there is no openssl.
    """
    authorities = _loaded([path]).get_ca_certs()
    if not authorities:
        return "it is not an authority's (RFC 5280 4.2.1.9)"
    if authorities[0]["subject"] != authorities[0]["issuer"]:
        return "somebody else issued it"
    return _verified(["-check_ss_sig", "-no-CApath", "-no-CAstore", "-CAfile", path], path)


def _loaded(paths: Iterable[str]) -> ssl.SSLContext:
    """A context that knows the certificates in some PEM files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for path in paths:
        try:
            context.load_verify_locations(cafile=path)
        except ssl.SSLError:
            raise Failure(ExitCode.INVALID_INPUT, f"{path}: holds no certificate (PEM)") from None
        except OSError as error:
            raise Failure(ExitCode.INVALID_INPUT, f"{path}: {error.strerror or error}") from None
    return context


def _verified(words: Sequence[str], path: str) -> str:
    """What `openssl verify` has against a certificate; nothing if it is good."""
    command = ["openssl", "verify", *words, "--", os.path.abspath(path)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS)  # noqa: S603  # arguments, no shell
    except FileNotFoundError:
        raise Failure(ExitCode.FAILURE, "the program openssl is not installed, and +vc and +rc need it") from None
    if ran.returncode == 0:
        return ""
    reasons = [line.split(" lookup: ")[1] for line in ran.stderr.splitlines() if " lookup: " in line]
    return "; ".join(dict.fromkeys(reasons)) or " ".join(ran.stderr.split()) or "openssl gives no reason"
