"""SVG made of elements, as the pictures of the reports want it: no library draws less than this needs.

Colours stand as attributes, which every viewer reads, and a class beside them, with which a page may say otherwise.
"""

from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring


def canvas(width: float, height: float, **attributes: str) -> Element:
    """An SVG that scales with its place."""
    box = f"0 0 {number(width)} {number(height)}"
    return Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": box, **attributes})


def add(parent: Element, tag: str, text: str = "", **attributes: Any) -> Element:
    """An element in another; `class_` is its class, `_` in names a hyphen, values are texts and numbers."""
    named = {name.rstrip("_").replace("_", "-"): _value(value) for name, value in attributes.items()}
    element = SubElement(parent, tag, named)
    element.text = printable(text) or None
    return element


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def number(value: float) -> str:
    """Without noise behind the point."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def printable(text: str) -> str:
    """Without control characters, which XML does not have."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def written(svg: Element) -> str:
    """The SVG as text."""
    return tostring(svg, encoding="unicode")
