"""Default classes: what an element's attributes are where it does not give them."""

from __future__ import annotations

from usd_io.errors import SceneError
from usd_io.xml.element import Element

MAIN = "main"
ACTUATORS = frozenset(
    "general motor position velocity intvelocity damper cylinder muscle adhesion plugin dcmotor".split()
)
_ALIASES = {"freejoint": "joint"}


class Defaults:
    """The tree of default classes of one model, flattened: a class holds everything it inherits."""

    def __init__(self, root: Element):
        self._classes: dict[str, dict[str, dict[str, str]]] = {MAIN: {}}
        for element in root.each("default"):
            self._add(element, element.attributes.get("class", MAIN), self._classes[MAIN], top=True)

    def _add(self, element: Element, name: str, inherited: dict, *, top: bool) -> None:
        if not top and not name:
            raise SceneError(element.where, "a nested default without class", expected='class="name"')
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
        if top and name != MAIN:
            self._classes[MAIN] = own
        for child in element.each("default"):
            self._add(child, child.attributes.get("class", ""), own, top=False)

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
