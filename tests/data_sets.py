"""Data sets made element by element, for the tests of what looks into them (PS3.5 section 7)."""

import struct
import zlib

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPEG = "1.2.840.10008.1.2.4.50"
CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"

LONG = {"OB", "OW", "SQ", "UN", "UT"}
UNDEFINED = 0xFFFFFFFF

ITEM = (0xFFFE, 0xE000)
ITEM_END = (0xFFFE, 0xE00D)
SEQUENCE_END = (0xFFFE, 0xE0DD)


def element(tag, vr, value=b"", *, syntax=EXPLICIT, length=None):
    """One element; `length` is what its header claims, if not the truth."""
    order = ">" if syntax == BIG_ENDIAN else "<"
    if isinstance(value, str):
        value = value.encode()
    if len(value) % 2:
        value += b"\0" if vr == "UI" else b" "
    length = len(value) if length is None else length
    head = struct.pack(order + "HH", *tag)
    if syntax == IMPLICIT or tag[0] == 0xFFFE:
        return head + struct.pack(order + "L", length) + value
    if vr in LONG:
        return head + vr.encode() + struct.pack(order + "HL", 0, length) + value
    return head + vr.encode() + struct.pack(order + "H", length) + value


def data_set(uid="1.2.3", sop_class=CT, *, study="1.2.3.9", pixels=b"", syntax=EXPLICIT, before=b"", after=b""):
    """A small instance: its UIDs, what is put before and after them, and pixel data."""
    plain = EXPLICIT if syntax == DEFLATED else syntax
    encoded = b"".join(
        (
            before,
            element((0x0008, 0x0016), "UI", sop_class, syntax=plain) if sop_class else b"",
            element((0x0008, 0x0018), "UI", uid, syntax=plain) if uid else b"",
            after,
            element((0x0010, 0x0010), "PN", "A^B", syntax=plain),
            element((0x0020, 0x000D), "UI", study, syntax=plain) if study else b"",
            element((0x7FE0, 0x0010), "OW", pixels, syntax=plain),
        )
    )
    return deflate(encoded) if syntax == DEFLATED else encoded


def deflate(encoded):
    """The deflate stream of a data set (PS3.5 A.5)."""
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(encoded) + deflater.flush()


def nested(depth):
    """An element (0008,0006) of `depth` sequences inside each other, all of undefined length."""
    opening = element((0x0008, 0x0006), "SQ", length=UNDEFINED) + element(ITEM, "", length=UNDEFINED)
    return opening * depth + (element(ITEM_END, "") + element(SEQUENCE_END, "")) * depth
