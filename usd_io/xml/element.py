"""XML as a tree of elements that know their file and line.

Entities, external references and document type tricks are refused by ``defusedxml``; depth and size are limited, so that
no file can exhaust memory or the stack.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler

from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

from usd_io.errors import SceneError

LARGEST_FILE = 64 << 20
"""[B]"""
DEEPEST = 10_000
"""Levels of nesting. Nobody who reads them recurses."""


@dataclass(eq=False)
class Element:
    """One element.

    Attributes:
        tag: Its name.
        attributes: Its attributes, as text.
        file: The file it stands in.
        line: Its line there, from 1.
        children: Child elements in order.
    """

    tag: str
    attributes: dict[str, str]
    file: Path
    line: int
    children: list[Element] = field(default_factory=list)

    @property
    def where(self) -> str:
        """File, line and element, for messages."""
        name = self.attributes.get("name")
        return f"{self.file}:{self.line} <{self.tag}{f' name={name!r}' if name else ''}>"

    def each(self, *tags: str) -> Iterator[Element]:
        """Children with one of the tags."""
        return (child for child in self.children if child.tag in tags)

    def first(self, tag: str) -> Element | None:
        """The first child with a tag."""
        return next(self.each(tag), None)

    def only(self, tag: str) -> Element | None:
        """The child with a tag.

        Raises:
            SceneError: There are several.
        """
        found = list(self.each(tag))
        if len(found) > 1:
            raise SceneError(
                found[1].where, f"a second <{tag}> (the first is on line {found[0].line})", expected=f"one <{tag}>"
            )
        return found[0] if found else None

    def walk(self) -> Iterator[Element]:
        """This element and all below it."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))


class _Collector(ContentHandler):
    def __init__(self, file: Path):
        super().__init__()
        self.file = file
        self.root: Element | None = None
        self._open: list[Element] = []
        self._locator = None

    def setDocumentLocator(self, locator) -> None:
        self._locator = locator

    def startElement(self, name: str, attrs) -> None:
        element = Element(name, dict(attrs.items()), self.file, self._locator.getLineNumber())
        if len(self._open) >= DEEPEST:
            raise SceneError(element.where, f"elements nested more than {DEEPEST} deep", expected="a flatter file")
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def endElement(self, name: str) -> None:
        self._open.pop()


def parse_file(path: str | os.PathLike[str], *, what: str) -> Element:
    """The root element of an XML file; ``what`` names the kind of file in messages.

    Raises:
        SceneError: There is no such file, it is not well-formed, or it tries what a scene has no use for.
    """
    file = Path(path)
    try:
        size = file.stat().st_size
        if size > LARGEST_FILE:
            raise SceneError(str(file), f"holds {size >> 20} MiB", expected=f"at most {LARGEST_FILE >> 20} MiB of XML")
        content = file.read_bytes()
    except FileNotFoundError:
        raise SceneError(str(file), "no such file", expected=what, next_step="check the path") from None
    except (OSError, ValueError) as error:
        raise SceneError(str(file), f"cannot be read ({error})", expected=what) from None
    return parse_bytes(content, file, what=what)


def parse_bytes(content: bytes, file: Path, *, what: str) -> Element:
    """The root element of XML text that came from ``file``."""
    if not content.strip():
        raise SceneError(str(file), "is empty", expected=what)
    collector = _Collector(file)
    parser = make_parser()
    parser.setContentHandler(collector)
    try:
        parser.parse(io.BytesIO(content))
    except SAXParseException as error:
        raise SceneError(
            f"{file}:{error.getLineNumber()}", f"not well-formed XML ({error.getMessage()})", expected=what
        ) from None
    except DefusedXmlException as error:
        raise SceneError(
            str(file),
            f"declares entities or external content ({type(error).__name__})",
            expected="plain XML",
            next_step="write the values out instead",
        ) from None
    except (SAXException, LookupError, UnicodeError, ValueError) as error:
        raise SceneError(str(file), f"cannot be read as XML ({error})", expected=what) from None
    if collector.root is None:
        raise SceneError(str(file), "has no root element", expected=what)
    return collector.root
