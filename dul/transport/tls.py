"""TLS contexts for the secure transport connection profiles of PS3.15 Annex B, by name.

The default is B.12 (BCP 195 with RFC 8996 and RFC 9325): TLS 1.2 or 1.3, forward-secret AEAD suites. Retired
profiles are offered where OpenSSL can give what they ask; those it cannot, or that would protect nothing, are
refused with the reason. Trust is in the authorities the caller names and never in the machine's own store:
DICOM runs on private ones.
"""

import ssl
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import field
from os import PathLike, fspath
from os.path import isdir
from typing import Any, Literal

from ...spec.values import value
from .tls_profiles import PROFILES, Profile, TlsError, openssl_name, profile_named

__all__ = ["PROFILES", "Peer", "Profile", "TlsError", "client_context", "explain", "peer", "server_context"]

Path = str | PathLike[str]
ClientCertificate = Literal["require", "verify", "ignore"]
ALPN = "dicom"
"""Registered with IANA in 2023; RFC 9325 3.7 asks for ALPN."""
CLIENT_CERTIFICATE = {"require": ssl.CERT_REQUIRED, "verify": ssl.CERT_OPTIONAL, "ignore": ssl.CERT_NONE}


@value
class Peer:
    """What TLS knows about the other end."""

    version: str
    """Such as TLSv1.3."""
    cipher: str
    """Cipher suite, in OpenSSL's spelling."""
    alpn: str | None
    """The application protocol agreed on, or None."""
    certificate: bytes | None = field(repr=False)
    """The peer's certificate in DER, or None when it sent none."""
    subject: str
    """Subject of the verified certificate, or nothing."""


def client_context(
    *,
    profile: str = "bcp195-8996",
    certificate: Path | None = None,
    key: Path | None = None,
    password: str | bytes = "",
    ca_files: Iterable[Path] = (),
    ca_dirs: Iterable[Path] = (),
    crl_files: Iterable[Path] = (),
    ciphers: Sequence[str] = (),
    check_hostname: bool = True,
    verify: bool = True,
    strict: bool = False,
) -> ssl.SSLContext:
    """A context for the requestor's end.

    `certificate` and `key` identify us (PEM; without `key` it is in the certificate's file); `ciphers` are
    added to the profile's; `strict` asks certificates to follow RFC 5280 to the letter, which those of many a
    hospital's own authority do not.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, profile_named(profile), ciphers)
    context.options |= ssl.OP_NO_TICKET
    context.check_hostname = check_hostname and verify
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if certificate is not None:
        _identify(context, certificate, key, password)
    _trust(context, list(ca_files), list(ca_dirs), list(crl_files), strict=strict)
    return context


def server_context(
    *,
    certificate: Path,
    key: Path | None = None,
    password: str | bytes = "",
    profile: str = "bcp195-8996",
    ca_files: Iterable[Path] = (),
    ca_dirs: Iterable[Path] = (),
    crl_files: Iterable[Path] = (),
    ciphers: Sequence[str] = (),
    client_certificate: ClientCertificate = "require",
    expect_server_name: str | None = None,
    strict: bool = False,
) -> ssl.SSLContext:
    """A context for the acceptor's end; by default authentication is mutual.

    `client_certificate`: "require" one, "verify" one if it is sent, or "ignore" them. With
    `expect_server_name` a requestor that asks for another name, or for none, is refused.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, profile_named(profile), ciphers)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.verify_mode = CLIENT_CERTIFICATE[client_certificate]
    _identify(context, certificate, key, password)
    _trust(context, list(ca_files), list(ca_dirs), list(crl_files), strict=strict)
    if expect_server_name is not None:
        _expect(context, expect_server_name)
    return context


def _context(kind: int, profile: Profile, ciphers: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # whoever asks for a retired profile knows
        context.minimum_version = profile.minimum
        context.maximum_version = profile.maximum
    older = profile.minimum < ssl.TLSVersion.TLSv1_2
    level = ("@SECLEVEL=0",) if older else ()  # OpenSSL 3 has no TLS 1.0 above that
    try:
        context.set_ciphers(":".join((*profile.ciphers, *map(openssl_name, ciphers), *level)))
    except ssl.SSLError as error:
        raise TlsError(f"this OpenSSL has none of the cipher suites asked for: {explain(error)}") from error
    known = {cipher["name"] for cipher in context.get_ciphers()}
    for name in ciphers:
        if openssl_name(name) not in known:
            raise TlsError(f"this OpenSSL does not offer the cipher suite {name}")
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols([ALPN])
    return context


def _identify(context: ssl.SSLContext, certificate: Path, key: Path | None, password: str | bytes) -> None:
    try:  # a password is always given: without one OpenSSL would ask on the terminal
        context.load_cert_chain(fspath(certificate), fspath(key) if key else None, password or " ")
    except OSError as error:  # ssl.SSLError is one
        where = f"{fspath(certificate)}{f' with key {fspath(key)}' if key else ''}"
        raise TlsError(f"cannot use certificate {where}: {explain(error)}") from error


def _trust(
    context: ssl.SSLContext, files: list[Path], directories: list[Path], revoked: list[Path], *, strict: bool
) -> None:
    if context.verify_mode != ssl.CERT_NONE and not files and not directories:
        raise TlsError("no certification authority is given: nothing could be verified (ca_files, ca_dirs)")
    for path in [*files, *revoked]:
        try:
            context.load_verify_locations(cafile=fspath(path))
        except OSError as error:
            raise TlsError(f"cannot read certificates from {fspath(path)}: {explain(error)}") from error
    for path in directories:
        if not isdir(path):  # OpenSSL takes any name, and finds nothing there at each handshake
            raise TlsError(f"cannot read certificates from {fspath(path)}: no such directory")
        context.load_verify_locations(capath=fspath(path))
    if revoked:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT


def _expect(context: ssl.SSLContext, expected: str) -> None:
    def check(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> int | None:
        return None if name == expected else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    context.sni_callback = check


def peer(connection: ssl.SSLObject) -> Peer:
    """Who is at the other end of a finished handshake."""
    verified: Any = connection.getpeercert() or {}
    names = [f"{key}={value}" for group in verified.get("subject", ()) for key, value in group]
    cipher = connection.cipher()
    return Peer(
        version=connection.version() or "",
        cipher=cipher[0] if cipher else "",
        alpn=connection.selected_alpn_protocol(),
        certificate=connection.getpeercert(binary_form=True),
        subject=", ".join(names),
    )


REASONS = {
    "WRONG_VERSION_NUMBER": "the peer does not speak TLS here, or only a version this profile excludes",
    "HTTP_REQUEST": "the peer speaks HTTP, not TLS",
    "UNSUPPORTED_PROTOCOL": "the peer offers only TLS versions this profile excludes",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the peer refuses the TLS versions this profile allows",
    "NO_SHARED_CIPHER": "the two ends have no cipher suite in common",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the peer refused: no cipher suite in common, or it wants a certificate",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the peer sent no certificate, and one is required",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the peer requires a certificate, and we sent none",
    "TLSV1_ALERT_UNKNOWN_CA": "the peer does not know the authority that signed our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the peer says our certificate has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "the peer says our certificate is revoked",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the peer does not accept our certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the peer does not accept our certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "the peer does not accept our certificate for this purpose",
    "TLSV1_ALERT_DECRYPT_ERROR": "the peer could not check our signature",
    "TLSV1_UNRECOGNIZED_NAME": "the peer does not answer to the server name we asked for",
    "CALLBACK_FAILED": "the peer asked for a server name we do not answer to",
    "KEY_VALUES_MISMATCH": "the private key does not belong to the certificate",
    "BAD_DECRYPT": "wrong password for the private key",
    "BAD_PASSWORD_READ": "the private key needs a password",
    "PEM_LIB": "wrong password for the private key, or a file that is not PEM",
    "NO_START_LINE": "the file holds no PEM data of that kind",
    "NO_CERTIFICATE_OR_CRL_FOUND": "the file holds no certificate in PEM",
    "NO_CIPHER_MATCH": "the cipher suites are unknown",
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": "a record was damaged on the way",
}
"""OpenSSL's reason in plain words."""


def explain(error: BaseException) -> str:
    """What went wrong with TLS, in words for whoever has to mend it; OpenSSL's own name stands behind."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the peer's certificate is not acceptable: {error.verify_message}"
    reason = getattr(error, "reason", None)
    if reason is None and "PEM lib" in str(error):  # OpenSSL gives this one no name
        reason = "PEM_LIB"
    if isinstance(error, ssl.SSLError) and reason:
        return f"{REASONS.get(reason, reason.lower().replace('_', ' '))} ({reason})"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
