"""The secure transport connection profiles of PS3.15 Annex B: what each asks, as far as OpenSSL gives it.

TLS 1.3 suites are OpenSSL's own in every profile that allows TLS 1.3; the lists are for TLS 1.2 and older.
"""

import re
from ssl import TLSVersion

from ...spec.values import value

FORWARD_SECRET = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
"""RFC 9325 4.2, recommended suites. Ephemeral DH is left out: Python cannot check a peer's group."""
MODIFIED = ("ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-CCM")
"""What B.13 adds, as far as OpenSSL has it."""
OLDER = (
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES128-SHA",
    "AES256-SHA",
)
"""What RFC 7525 still tolerated for peers that have nothing better."""


class TlsError(OSError):
    """TLS could not be set up or went wrong; the text says why in plain words."""

    exit_code = "TLS"
    """The name of the code that the command-line tools leave with."""


@value
class Profile:
    """One profile."""

    name: str
    """Ours."""
    clause: str
    """Where PS3.15 describes it, or described it."""
    title: str
    """As the standard calls it."""
    flag: str
    """DCMTK's option."""
    aliases: tuple[str, ...] = ()
    """Other names it goes by."""
    minimum: TLSVersion = TLSVersion.TLSv1_2
    """Oldest TLS version."""
    maximum: TLSVersion = TLSVersion.MAXIMUM_SUPPORTED
    """Newest TLS version."""
    ciphers: tuple[str, ...] = FORWARD_SECRET
    """Cipher suites up to TLS 1.2, best first, in OpenSSL's spelling."""
    retired: bool = True
    """Whether the standard keeps it for the record only."""
    refused: str = ""
    """Why we do not offer it, or nothing."""
    remark: str = ""
    """Where what we offer is less than the standard asks, or nothing."""


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("bcp195-8996", "B.12", "BCP 195 RFC 8996, 9325 TLS", "+pg", ("8996",), retired=False),
        Profile(
            "bcp195-8996-mod",
            "B.13",
            "Modified BCP 195 RFC 8996, 9325 TLS",
            "+pm",
            ("8996-mod",),
            ciphers=(*FORWARD_SECRET, *MODIFIED),
            retired=False,
            remark="a subset: OpenSSL has no Camellia-GCM suites",
        ),
        Profile("bcp195-nd", "B.10", "Non-Downgrading BCP 195 TLS", "+py"),
        Profile("bcp195-ext", "B.11", "Extended BCP 195 TLS", "+pz", ("bcp195-ex",), maximum=TLSVersion.TLSv1_2),
        Profile("bcp195", "B.9", "BCP 195 TLS", "+px", minimum=TLSVersion.TLSv1, ciphers=(*FORWARD_SECRET, *OLDER)),
        Profile(
            "aes",
            "B.3",
            "AES TLS",
            "+pa",
            minimum=TLSVersion.TLSv1,
            maximum=TLSVersion.TLSv1_2,
            ciphers=("AES128-SHA", "AES256-SHA"),
            remark="without the fallback to Triple DES, which OpenSSL no longer has",
        ),
        Profile("basic", "B.1", "Basic TLS", "+pb", refused="it needs Triple DES, which OpenSSL has given up"),
        Profile("null", "(IHE ATNA)", "Authenticated unencrypted", "+pn", refused="it encrypts nothing"),
    )
}
"""By name, the default first."""


def profile_named(name: str) -> Profile:
    """The profile of that name, alias or DCMTK option; `TlsError` says why when there is none to have."""
    wanted = name.removeprefix("--profile-")
    for profile in PROFILES.values():
        if wanted in (profile.name, profile.flag, *profile.aliases):
            if profile.refused:
                where = f"TLS profile {profile.name} (PS3.15 {profile.clause})"
                raise TlsError(f"{where} is not offered: {profile.refused}")
            return profile
    raise TlsError(f"no TLS profile is called {name!r}; there are {', '.join(PROFILES)}")


def openssl_name(suite: str) -> str:
    """OpenSSL's spelling of an RFC's name of a TLS 1.2 suite: TLS_RSA_WITH_AES_128_CBC_SHA is AES128-SHA."""
    found = re.fullmatch(r"TLS_(\w+?)_WITH_(\w+)", suite)
    if not found:
        return suite
    exchange, cipher = found[1].replace("_", "-"), found[2]
    cipher = re.sub(r"^(AES|CAMELLIA|ARIA)_(\d+)_", r"\1\2_", cipher).replace("_CBC_", "_")
    if cipher.startswith("CHACHA20"):
        cipher = cipher.removesuffix("_SHA256")
    return ("" if exchange == "RSA" else f"{exchange}-") + cipher.replace("_", "-")
