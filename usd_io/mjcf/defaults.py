"""Default classes: what an element's attributes are where it does not give them."""

from __future__ import annotations

from usd_io.errors import SceneError
from usd_io.xml.element import Element

MAIN = "main"
ACTUATORS = frozenset(
    "general motor position velocity intvelocity damper cylinder muscle adhesion plugin dcmotor".split()
)
_ALIASES = {"freejoint": "joint", "fixed": "tendon", "spatial": "tendon"}


class Defaults:
    """The tree of default classes of one model, flattened: a class holds everything it inherits."""

    def __init__(self, root: Element):
        self._classes: dict[str, dict[str, dict[str, str]]] = {MAIN: {}}
        self._first: dict[str, Element] = {}
        for element in root.each("default"):
            name = element.attributes.get("class", MAIN)
            own = self._add(element, name, self._classes[MAIN])
            if name != MAIN:
                self._classes[MAIN] = own
            waiting = [(child, own) for child in reversed(list(element.each("default")))]
            while waiting:
                nested, outer = waiting.pop()
                own = self._add(nested, self._nested_name(nested), outer)
                waiting.extend((child, own) for child in reversed(list(nested.each("default"))))

    def _nested_name(self, element: Element) -> str:
        name = element.attributes.get("class", "")
        if not name:
            raise SceneError(element.where, "a nested default without class", expected='class="name"')
        first = self._first.setdefault(name, element)
        if first is not element or name == MAIN:
            raise SceneError(
                element.where, f"a second default class {name!r}", expected="names that differ, none of them main"
            )
        return name

    def _add(self, element: Element, name: str, inherited: dict) -> dict[str, dict[str, str]]:
        """Notes a class; returns it."""
        own = {tag: dict(values) for tag, values in inherited.items()}
        for child in element.children:
            if child.tag != "default":
                tag = child.tag
                if tag in ACTUATORS:
                    own.setdefault("actuator", {}).update(child.attributes)
                    # A shortcut's parameters must not reach other kinds of actuators, only what all of them have.
                    own["actuator"] = {k: v for k, v in own["actuator"].items() if k not in ("kp", "kv", "dampratio")}
                own.setdefault(tag, {}).update(child.attributes)
        self._classes[name] = own
        return own

    def merged(self, element: Element, childclass: str) -> dict[str, str]:
        """The element's attributes over those of its class (its own, else the nearest childclass, else main)."""
        name = element.attributes.get("class") or childclass or MAIN
        if name not in self._classes:
            known = ", ".join(sorted(self._classes)[:12])
            raise SceneError(
                f"{element.where} class", f"there is no default class {name!r}", expected=f"one of {known}"
            )
        own = self._classes[name]
        tag = _ALIASES.get(element.tag, element.tag)
        base = {**own.get("actuator", {}), **own.get(tag, {})} if tag in ACTUATORS else own.get(tag, {})
        if element.tag == "freejoint":
            base = {}
        return {**base, **element.attributes}
