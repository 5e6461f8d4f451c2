"""The ``compiler`` element: how the rest of a model is to be understood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usd_io.errors import SceneError
from usd_io.xml.attributes import choice, flag, number, numbers
from usd_io.xml.element import Element


@dataclass
class Compiler:
    """Settings of a model's compiler, MuJoCo's defaults."""

    degrees: bool = True
    eulerseq: str = "xyz"
    autolimits: bool = True
    meshdir: str = ""
    texturedir: str = ""
    strippath: bool = False
    inertiafromgeom: str = "auto"
    inertiagrouprange: tuple[int, int] = (0, 5)
    balanceinertia: bool = False
    boundmass: float = 0.0
    boundinertia: float = 0.0
    settotalmass: float = -1.0
    discardvisual: bool = False

    def angle(self, value):
        """An angle of the file [rad]."""
        return np.radians(value) if self.degrees else value


def read_compiler(root: Element) -> Compiler:
    """Reads every ``compiler`` element of a model; later ones win."""
    result = Compiler()
    for e in root.each("compiler"):
        result.degrees = choice(e, "angle", ("degree", "radian"), "degree" if result.degrees else "radian") == "degree"
        result.eulerseq = e.attributes.get("eulerseq", result.eulerseq)
        if len(result.eulerseq) != 3 or set(result.eulerseq.lower()) - set("xyz"):
            raise SceneError(f"{e.where} eulerseq", f"got {result.eulerseq!r}", expected="three of x, y, z, X, Y, Z")
        if e.attributes.get("coordinate", "local") != "local":
            raise SceneError(
                f"{e.where} coordinate", "global coordinates were given up by MuJoCo itself", expected="local",
                next_step="save the model again with MuJoCo 2.3",
            )  # fmt: skip
        result.meshdir = e.attributes.get("meshdir", e.attributes.get("assetdir", result.meshdir))
        result.texturedir = e.attributes.get("texturedir", e.attributes.get("assetdir", result.texturedir))
        result.inertiafromgeom = choice(e, "inertiafromgeom", ("auto", "true", "false"), result.inertiafromgeom)
        for name in ("autolimits", "strippath", "balanceinertia", "discardvisual"):
            setattr(result, name, flag(e, name, getattr(result, name)))
        for name in ("boundmass", "boundinertia", "settotalmass"):
            setattr(result, name, number(e, name, getattr(result, name)))
        groups = numbers(e, "inertiagrouprange", result.inertiagrouprange, count=2)
        result.inertiagrouprange = (int(groups[0]), int(groups[1]))
    return result
