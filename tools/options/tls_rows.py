"""The rows of the option table about TLS (PS3.15 Annex B)."""

from collections.abc import Iterator

from .row import Option

_PROFILES = (
    ("M", "+pg --profile-8996", "8996", "BCP 195 RFC 8996, 9325"),
    ("S", "+pm --profile-8996-mod", "8996-mod", "modified BCP 195 RFC 8996, 9325"),
    ("S", "+py --profile-bcp195-nd", "bcp195-nd", "non-downgrading BCP 195 (retired)"),
    ("R", "+px --profile-bcp195", "bcp195", "BCP 195 (retired)"),
    ("R", "+pz --profile-bcp195-ex", "bcp195-ex", "extended BCP 195 (retired)"),
    ("R", "+pa --profile-aes", "aes", "AES (retired)"),
    ("R", "+pb --profile-basic", "basic", "basic (retired): refused, it needs Triple DES"),
    ("R", "+pn --profile-null", "null", "authenticated unencrypted: refused, it encrypts nothing"),
)
"""The security profiles of PS3.15 Annex B by DCMTK's flags; `dul/transport/tls_profiles.py` tells what they ask."""


def _security_profiles() -> Iterator[Option]:
    for mark, usage, name, words in _PROFILES:
        default = name if name == "8996" else None
        yield Option(f"{mark} EUPTFGMSRQ", usage, words, default=default, sets=("security_profile", name))


TLS = (
    Option("M EUPTFGMSRQ", "-tls --disable-tls", "plain TCP", sets=("tls", None)),
    Option("M EUPTFGMSRQ", "+tls --enable-tls KEY CERT", "TLS with our private key and certificate", sets="tls"),
    Option("S EUTFGMS", "+tla --anonymous-tls", "TLS without a certificate of our own", sets=("tls", ())),
    Option(
        "S EUPTFGMSRQ", "+ps --std-passwd", "ask for the key's password, if it has one", sets=("key_password", None)
    ),
    Option(
        "S EUPTFGMSRQ",
        "+pw --use-passwd WORD",
        "the key's password is WORD",
        sets="key_password",
        needs="tls",
        secret=True,
    ),
    Option("S EUPTFGMSRQ", "-pw --null-passwd", "the key's password is empty", sets=("key_password", ""), needs="tls"),
    Option("M EUPTFGMSRQ", "-pem --pem-keys", "keys and certificates are PEM; it is always so"),
    Option(
        "M EUPTFGMSRQ",
        "+cf --add-cert-file FILE",
        "trust the CA in this file; may be repeated",
        repeat=True,
        needs="tls verify_cert",
    ),
    Option(
        "S EUPTFGMSRQ",
        "+cd --add-cert-dir DIR",
        "trust the CAs in this directory; may be repeated",
        repeat=True,
        needs="tls verify_cert",
    ),
    Option(
        "S EUPTFGMSRQ",
        "+crl --add-crl-file FILE",
        "certificate revocation list; turns on +crv; may be repeated",
        repeat=True,
        implies=("crl_check", "leaf"),
        needs="tls verify_cert",
    ),
    Option(
        "S EUPTFGMSRQ",
        "+crv --enable-crl-vfy",
        "check whether the peer's certificate is revoked",
        sets=("crl_check", "leaf"),
        needs="tls verify_cert",
    ),
    Option(
        "S EUPTFGMSRQ",
        "+cra --enable-crl-all",
        "check whether it or any above it is revoked",
        sets=("crl_check", "chain"),
        needs="tls verify_cert",
    ),
    Option("S EUPTFGMSRQ", "+ph --list-profiles", "list the security profiles and end", alone=True),
    Option("S EUPTFGMSRQ", "+cc --list-ciphers", "list the cipher suites of the profile and end", alone=True),
    *_security_profiles(),
    Option(
        "S EUPTFGMSRQ", "+cs --cipher NAME", "offer this cipher suite too; may be repeated", repeat=True, needs="tls"
    ),
    Option("S EUTFGMS", "--no-sni", "name no server", sets=("request_sni", None)),
    Option(
        "S EUTFGMS", "--request-sni NAME", "name the server wanted (SNI), and insist on its certificate", needs="tls"
    ),
    Option("S PMRQ", "--expect-sni NAME", "insist on being called by this name (SNI)", needs="tls"),
    Option(
        "M EUPTFGMSRQ",
        "-rc --require-peer-cert",
        "the peer must show a certificate",
        default="require",
        sets=("peer_cert", "require"),
    ),
    Option("M PMRQ", "-vc --verify-peer-cert", "if it shows one, check it", sets=("peer_cert", "verify"), needs="tls"),
    Option(
        "M EUPTFGMSRQ",
        "-ic --ignore-peer-cert",
        "check nothing: anybody may answer",
        sets=("peer_cert", "ignore"),
        needs="tls",
    ),
    Option(
        "S E",
        "+vc --verify-cert FILE",
        "call nobody; tell whether this certificate would be accepted by what +cf, +cd and +crl say, and end",
        alone=True,
    ),
    Option(
        "S E",
        "+rc --is-root-cert FILE",
        "call nobody; tell whether this certificate is that of a root authority, and end",
        alone=True,
        not_with="verify_cert",
    ),
)
