"""Data sets as XML: the Native DICOM Model (PS3.19 A.1)."""

import base64
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
"""The component groups of a person name (PS3.5 6.2.1)."""
COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
"""The components of each."""

_BINARY = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may contain, not even escaped."""


def document(root: ET.Element) -> bytes:
    """A whole XML document."""
    ET.indent(root)
    encoded: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return encoded + b"\n"


def responses(models: Iterable[ET.Element]) -> ET.Element:
    """Several models under one root, as findscu of DCMTK names it."""
    root = ET.Element("responses", {"type": "C-FIND"})
    root.extend(models)
    return root


def model(dataset: "Dataset") -> ET.Element:
    """A data set as `NativeDicomModel`."""
    root = ET.Element("NativeDicomModel", {"xmlns": NAMESPACE, "xml:space": "preserve"})
    _attributes(root, dataset)
    return root


def _attributes(parent: ET.Element, dataset: "Dataset") -> None:
    for element in dataset:
        names = {"tag": f"{element.tag:08X}", "vr": element.VR}
        if element.keyword:
            names["keyword"] = element.keyword
        if element.tag.is_private and element.private_creator:
            names["privateCreator"] = _text(element.private_creator)
        _values(ET.SubElement(parent, "DicomAttribute", names), element)


def _values(parent: ET.Element, element: "DataElement") -> None:
    if element.VR in _BINARY:
        if element.value:
            ET.SubElement(parent, "InlineBinary").text = base64.b64encode(element.value).decode("ascii")
        return
    for number, value in enumerate(values_of(element), 1):
        place = {"number": str(number)}
        if element.VR == "SQ":
            _attributes(ET.SubElement(parent, "Item", place), value)
        elif element.VR == "PN":
            _name(ET.SubElement(parent, "PersonName", place), str(value))
        else:
            text = f"{value:08X}" if element.VR == "AT" else str(value)
            ET.SubElement(parent, "Value", place).text = _text(text)


def values_of(element: "DataElement") -> list[Any]:
    """Its values, one or many or none."""
    if element.is_empty:
        return []
    return list(element.value) if element.VM > 1 or element.VR == "SQ" else [element.value]


def _name(parent: ET.Element, name: str) -> None:
    for group, components in zip(GROUPS, name.split("="), strict=False):
        if components:
            inside = ET.SubElement(parent, group)
            for component, text in zip(COMPONENTS, components.split("^"), strict=False):
                if text:
                    ET.SubElement(inside, component).text = _text(text)


def _text(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
