"""`Entity`: reading "AET@host:port" and saying what is wrong with it."""

import pytest

from dulcet import Entity


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("ARCHIVE@pacs.example.org:11112", Entity("ARCHIVE", "pacs.example.org", 11112)),
        ("ARCHIVE@10.0.0.7", Entity("ARCHIVE", "10.0.0.7", 104)),
        ("ARCHIVE@[::1]:4242", Entity("ARCHIVE", "::1", 4242)),
        ("ARCHIVE@[fe80::1]", Entity("ARCHIVE", "fe80::1", 104)),
        ("A@B@host:1", Entity("A@B", "host", 1)),
    ],
)
def test_parse(text: str, entity: Entity) -> None:
    assert Entity.parse(text) == entity


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ARCHIVE", "AET@host:port expected"),
        ("@host:104", "AET@host:port expected"),
        ("ARCHIVE@", "the host is missing"),
        ("ARCHIVE@:104", "the host is missing"),
        ("ARCHIVE@host:dicom", "'dicom' is no port"),
        ("ARCHIVE@host:0", "'0' is no port"),
        ("ARCHIVE@host:65536", "'65536' is no port"),
        ("ARCHIVE@host:-1", "'-1' is no port"),
        ("ARCHIVE@host:٣", "is no port"),
        ("ARCHIVE@[::1", "IPv6"),
        ("ARCHIVE@[::1]104", "IPv6"),
    ],
)
def test_what_is_wrong_is_said(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        Entity.parse(text)
    assert repr(text) in str(caught.value)


def test_an_entity_reads_back_what_it_shows() -> None:
    for entity in (Entity("A", "host", 1), Entity("A", "::1", 11112), Entity.local("B", 4242)):
        assert Entity.parse(str(entity)) == entity
    assert Entity.local("B", 4242).host == "127.0.0.1"
