"""Certificates made for one test run: two authorities and what they signed, good and bad."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass
class Identity:
    """A certificate and its key, as objects and as PEM files."""

    certificate: x509.Certificate
    key: Key
    certificate_file: Path
    key_file: Path


class Certificates:
    """An authority, a stranger authority, and what the tests need of them, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = self._make("authority", authority=True)
        self.stranger_authority = self._make("stranger authority", authority=True)
        self.server = self._make("server", self.authority)
        self.client = self._make("client", self.authority, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
        self.intermediate = self._make("intermediate", self.authority, authority=True)
        self.stranger = self._make("stranger", self.stranger_authority, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
        self.expired = self._make("expired", self.authority, days=(-20, -10))
        self.future = self._make("future", self.authority, days=(10, 20))
        self.revoked = self._make("revoked", self.authority)
        self.rsa = self._make("rsa", self.authority, key=rsa.generate_private_key(65537, 2048))
        self.locked_key = folder / "locked-key.pem"
        self.locked_key.write_bytes(_pem(self.server.key, b"secret"))
        self.revocations = folder / "revocations.pem"
        self.revocations.write_bytes(self._revocations())

    @property
    def ca_files(self) -> list[Path]:
        return [self.authority.certificate_file]

    def _make(
        self,
        name: str,
        issuer: Identity | None = None,
        *,
        authority: bool = False,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        days: tuple[int, int] = (-1, 30),
        key: Key | None = None,
    ) -> Identity:
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        signer = issuer.key if issuer else key
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY)
            .not_valid_after(now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .add_extension(_key_usage(authority), critical=True)
        )
        if not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        certificate = builder.sign(signer, hashes.SHA256())
        files = self.folder / f"{name}.pem", self.folder / f"{name}-key.pem"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(_pem(key, None))
        return Identity(certificate, key, *files)

    def _revocations(self) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(self.revoked.certificate.serial_number)
            .revocation_date(now - DAY)
            .build()
        )
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.authority.certificate.subject)
        builder = builder.last_update(now - DAY).next_update(now + DAY).add_revoked_certificate(entry)
        return builder.sign(self.authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key_usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: Key, password: bytes | None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
    )
