"""Attributes that change the motion in MuJoCo and nothing here: each named once, where it stands."""

from __future__ import annotations

from collections.abc import Callable

from usd_io.mjcf.defaults import ACTUATORS
from usd_io.xml.element import Element

SOFTNESS = "the softness of contacts and limits (solref, solimp) is not used; it follows from masses and the time step"
MARGIN = "margins are not used: contacts push where surfaces touch, not before"
IGNORED: dict[str, dict[str, str]] = {
    "body": {"gravcomp": "gravity compensation is not simulated"},
    "joint": {
        "solimplimit": SOFTNESS,
        "solreffriction": SOFTNESS,
        "solimpfriction": SOFTNESS,
        "margin": "margins of joint limits are not used: limits push where they are reached",
        "springdamper": "springs given by time and damping ratio are not simulated; give stiffness and damping",
        "actuatorgravcomp": "gravity compensation is not simulated",
    },
    "geom": {
        "solref": SOFTNESS,
        "solimp": SOFTNESS,
        "margin": MARGIN,
        "fluidshape": "forces of the surrounding medium are not simulated",
    },
}
ACTUATOR = {
    "timeconst": "activation dynamics of actuators is not simulated",
    "dyntype": "activation dynamics of actuators is not simulated",
}


POLYNOMIAL = ("stiffness", "damping")
"""Of joints; the first number is the coefficient of the linear force, the others of higher powers."""


def name_ignored(root: Element, warn: Callable[[Element, str], None]) -> None:
    """Warns about every attribute of the table in a model, defaults included."""
    for element in root.walk():
        table = ACTUATOR if element.tag in ACTUATORS else IGNORED.get(element.tag, {})
        for name, message in table.items():
            if element.attributes.get(name, "none") not in ("none", "0", "false"):
                warn(element, message)
        if element.tag == "joint":
            for name in POLYNOMIAL:
                if any(word.strip("0.") for word in element.attributes.get(name, "").split()[1:]):
                    warn(element, f"{name} that grows with the motion is not simulated, only its linear part")
