"""The transfer syntaxes behind the one-letter options of the storage tools (PS3.5 section 10, PS3.6 Annex A).

`-x?` proposes and `+x?` prefers: the same letter, the same long name's tail, the same transfer syntax. The
rules that turn a letter into what goes on the wire stand here too: they are the whole meaning of these
options.
"""

from ...spec.values import value

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = f"{EXPLICIT_LITTLE}.99"
UNCOMPRESSED = (EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT_LITTLE)
"""The fallback of every compressed syntax, in the order in which it is proposed and preferred."""

_JPEG_FAMILY = "1.2.840.10008.1.2.4."


@value
class Letter:
    """One `-x?` and `+x?` pair."""

    letter: str
    """What follows `-x` and `+x`."""
    tail: str
    """What follows `--propose-` and `--prefer-`."""
    uids: tuple[str, ...]
    """The transfer syntaxes it names, most wanted first."""
    words: str
    """What a person calls it."""
    fallback: bool
    """Whether the uncompressed syntaxes are proposed besides; nobody decodes video on the way."""
    mark: str = "M"
    """How much parity asks for it: M must, S should, R rare."""

    @property
    def proposed(self) -> tuple[str, ...]:
        """What `-x?` proposes."""
        return self.uids + UNCOMPRESSED if self.fallback else self.uids

    @property
    def preferred(self) -> tuple[str, ...]:
        """What `+x?` accepts, in the acceptor's order: the syntax itself, then the uncompressed ones."""
        return self.uids if set(self.uids) <= set(UNCOMPRESSED) else self.uids + UNCOMPRESSED


def _image(letter: str, tail: str, number: int, words: str, mark: str = "M") -> Letter:
    return Letter(letter, tail, (f"{_JPEG_FAMILY}{number}",), words, True, mark)


def _video(letter: str, tail: str, number: int, words: str) -> Letter:
    return Letter(letter, tail, (f"{_JPEG_FAMILY}{number}",), words, False, "S")


LETTERS = (
    Letter("=", "uncompr", UNCOMPRESSED, "the uncompressed syntaxes, Explicit VR of this host first", False),
    Letter("e", "little", UNCOMPRESSED, "the uncompressed syntaxes, Explicit VR Little Endian first", False),
    Letter(
        "b",
        "big",
        (EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE),
        "the uncompressed syntaxes, Explicit VR Big Endian (retired) first",
        False,
        "R",
    ),
    Letter("i", "implicit", (IMPLICIT_LITTLE,), "Implicit VR Little Endian and nothing else", False),
    Letter("d", "deflated", (f"{EXPLICIT_LITTLE}.99",), "Deflated Explicit VR Little Endian", True, "S"),
    _image("s", "lossless", 70, "JPEG Lossless, process 14 selection value 1"),
    _image("y", "jpeg8", 50, "JPEG Baseline, 8 bit, process 1"),
    _image("x", "jpeg12", 51, "JPEG Extended, 12 bit, processes 2 and 4"),
    _image("v", "j2k-lossless", 90, "JPEG 2000, lossless only"),
    _image("w", "j2k-lossy", 91, "JPEG 2000"),
    _image("t", "jls-lossless", 80, "JPEG-LS Lossless", "S"),
    _image("u", "jls-lossy", 81, "JPEG-LS Near-Lossless", "S"),
    _video("m", "mpeg2", 100, "MPEG2 Main Profile at Main Level"),
    _video("h", "mpeg2-high", 101, "MPEG2 Main Profile at High Level"),
    _video("n", "mpeg4", 102, "MPEG-4 AVC/H.264 High Profile, level 4.1"),
    _video("l", "mpeg4-bd", 103, "MPEG-4 AVC/H.264 BD-compatible, level 4.1"),
    _video("2", "mpeg4-2-2d", 104, "MPEG-4 AVC/H.264 High Profile, level 4.2, 2D video"),
    _video("3", "mpeg4-2-3d", 105, "MPEG-4 AVC/H.264 High Profile, level 4.2, 3D video"),
    _video("o", "mpeg4-2-st", 106, "MPEG-4 AVC/H.264 Stereo High Profile, level 4.2"),
    _video("4", "hevc", 107, "HEVC/H.265 Main Profile, level 5.1"),
    _video("5", "hevc10", 108, "HEVC/H.265 Main 10 Profile, level 5.1"),
    Letter("r", "rle", ("1.2.840.10008.1.2.5",), "RLE Lossless", True),
)

ACCEPT_ALL = (
    *(f"{_JPEG_FAMILY}{tail}" for tail in ("90", "91", "92", "93", "201", "202", "203", "110", "111", "112")),
    *(f"{_JPEG_FAMILY}{tail}" for tail in ("70", "57", "50", "51", "80", "81")),
    "1.2.840.10008.1.2.5",
    *(f"{_JPEG_FAMILY}{video}{f}" for video in range(100, 107) for f in ("", ".1")),
    *(f"{_JPEG_FAMILY}{hevc}" for hevc in (107, 108)),
    "1.2.840.10008.1.2.8.1",
    f"{EXPLICIT_LITTLE}.98",
    f"{EXPLICIT_LITTLE}.99",
    *UNCOMPRESSED,
)
"""What `+xa` accepts: all transfer syntaxes of stored objects but the retired ones; compressed ones first, so
that nothing is decompressed on the way. JPEG XL is .4.110 to .4.112, Deflated Image Frame .8.1; `.1` behind a
video syntax is its fragmentable form."""

_RETIRED = tuple(f"{_JPEG_FAMILY}{tail}" for tail in (*range(52, 57), *range(58, 67)))

PROPOSABLE = (
    IMPLICIT_LITTLE,
    EXPLICIT_LITTLE,
    EXPLICIT_BIG,
    *(uid for uid in ACCEPT_ALL if uid not in UNCOMPRESSED),
    *(f"{_JPEG_FAMILY}{jpip}" for jpip in (94, 95)),
    *_RETIRED,
)
"""Of these echoscu's `-pts N` proposes the first N."""
