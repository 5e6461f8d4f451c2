"""Names of a model: what a file refers to by name must have it alone among its kind, as in MuJoCo."""

from __future__ import annotations

from pathlib import Path

from usd_io.errors import SceneError
from usd_io.mjcf.document import Document
from usd_io.xml.element import Element

KIND = {"actuator": "actuator", "equality": "equality constraint", "sensor": "sensor", "tendon": "tendon"}
"""Sections whose elements share one set of names whatever their tag; in the others each tag has its own."""
NAMED_SECTIONS = frozenset({"asset", "contact", "custom", "deformable", "keyframe", *KIND})


class UniqueNames:
    """The names that are taken, by kind."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], Element] = {}

    def take(self, kind: str, name: str, element: Element) -> None:
        """Notes that an element has a name; an empty one is none.

        Raises:
            SceneError: Another element of the kind has it.
        """
        first = self._taken.get((kind, name))
        if first is not None:
            raise SceneError(
                element.where,
                f"a second {kind} called {name!r} (the first is in {first.file.name}, line {first.line})",
                expected="names that differ among things of one kind",
            )
        if name:
            self._taken[kind, name] = element

    def take_sections(self, document: Document, prefix: str, suffix: str) -> None:
        """Notes the names in everything but the tree of bodies."""
        for section in document.root.each(*NAMED_SECTIONS):
            for element in section.children:
                name = element.attributes.get("name", "")
                if section.tag == "asset" and not name:
                    name = Path(element.attributes.get("file", "")).stem
                if name:
                    self.take(KIND.get(section.tag, element.tag), f"{prefix}{name}{suffix}", element)
