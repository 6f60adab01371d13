"""TLS as a command line asks for it: contexts for both ends, the key's password, and the lists of +ph and +cc.

Loaded for TLS only, as ssl takes its time.
"""

import argparse
import ssl
import sys
from typing import Any

from ..dul.transport.tls import PROFILES, TlsError, client_context, server_context

CRL_CHECKS = {None: 0, "leaf": ssl.VERIFY_CRL_CHECK_LEAF, "chain": ssl.VERIFY_CRL_CHECK_CHAIN}
"""+crv and +cra for OpenSSL."""


def requestor_context(options: argparse.Namespace) -> ssl.SSLContext:
    """The TLS context of an SCU tool; the certificate must bear the server's name if one is asked for."""
    verify = options.peer_cert != "ignore"
    check_name = verify and options.request_sni is not None
    return _checking(options, client_context(check_hostname=check_name, verify=verify, **_files(options)))


def acceptor_context(options: argparse.Namespace) -> ssl.SSLContext:
    """The TLS context of an SCP tool."""
    context = server_context(
        client_certificate=options.peer_cert, expect_server_name=options.expect_sni, **_files(options)
    )
    return _checking(options, context)


def _checking(options: argparse.Namespace, context: ssl.SSLContext) -> ssl.SSLContext:
    context.verify_flags |= CRL_CHECKS[options.crl_check]
    return context


def _files(options: argparse.Namespace) -> dict[str, Any]:
    """What both ends of TLS are given: own key and certificate, whom to trust, the profile."""
    key, certificate = options.tls or (None, None)
    return {
        "profile": options.security_profile,
        "key": key,
        "certificate": certificate,
        "password": _password(options.key_password, key),
        "ca_files": options.add_cert_file,
        "ca_dirs": options.add_cert_dir,
        "crl_files": options.add_crl_file,
        "ciphers": options.cipher,
    }


def _password(given: str | None, key: str | None) -> str:
    """The key's password: as given by +pw or -pw, else asked for on the terminal if the key has one."""
    if given is not None or key is None or not _is_encrypted(key):
        return given or ""
    if not sys.stdin.isatty():
        raise TlsError(f"the key {key} is encrypted: give its password with +pw, or run this on a terminal")
    import getpass

    return getpass.getpass(f"password of the key {key}: ")


def _is_encrypted(key: str) -> bool:
    """Whether a PEM file says so, in the old way (RFC 1421) or the new (RFC 7468 11)."""
    try:
        with open(key, "rb") as file:
            text = file.read()
    except OSError as error:
        raise TlsError(f"cannot read the key {key}: {error.strerror}") from error
    return b"ENCRYPTED" in text


def profile_lines() -> list[str]:
    """+ph: the security profiles, with the flag that takes each."""
    lines = []
    for profile in PROFILES.values():
        remarks = ["retired"] * profile.retired + [profile.remark] * bool(profile.remark)
        if profile.refused:
            remarks = [f"refused: {profile.refused}"]
        told = f" ({'; '.join(remarks)})" if remarks else ""
        lines.append(f"{profile.flag}  {profile.name:<16} PS3.15 {profile.clause:<11} {profile.title}{told}")
    return lines


def cipher_lines(options: argparse.Namespace) -> list[str]:
    """+cc: what the profile offers with this OpenSSL, most wanted first, and what +cs can add."""
    chosen = client_context(profile=options.security_profile, ciphers=options.cipher, verify=False).get_ciphers()
    every = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    every.set_ciphers("ALL:!aNULL:!eNULL")
    names = {cipher["name"] for cipher in chosen}
    lines = [f"{ssl.OPENSSL_VERSION}, cipher suites of TLS profile {options.security_profile}:"]
    lines += [f"  {cipher['name']} ({cipher['protocol']})" for cipher in chosen]
    lines += ["+cs can add:"]
    lines += [f"  {cipher['name']}" for cipher in every.get_ciphers() if cipher["name"] not in names]
    return lines
