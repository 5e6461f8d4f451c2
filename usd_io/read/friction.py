"""How the friction of two colliders combines: PhysX's attribute of materials, MuJoCo's of colliders, ours of pairs."""

from __future__ import annotations

from pxr import Usd

from sim.forces.friction_rules import COMBINE
from usd_io.read.reading import Reading
from usd_io.read.traversal import PhysicsPrims
from usd_io.read.values import array, integer, token

LOWEST = -1_000_000


def combine_mode(reading: Reading, prim: Usd.Prim) -> str | None:
    """How friction of a material combines; None where it does not say."""
    said = token(reading, prim, "physxMaterial:frictionCombineMode", "")
    if said and said not in COMBINE:
        reading.log.add(
            prim.GetPath().pathString,
            f"physxMaterial:frictionCombineMode is {said!r}, expected {', '.join(COMBINE)}; average is used",
            kind="combine",
        )
    return said if said in COMBINE else None


def priority(reading: Reading, prim: Usd.Prim) -> int:
    """Priority of a collider."""
    return integer(reading, prim, "mjc:priority", low=LOWEST) or 0


def frictionless(reading: Reading, prim: Usd.Prim) -> bool:
    """Whether a collider has contacts of dimension 1."""
    condim = integer(reading, prim, "mjc:condim", low=1)
    if condim is not None and condim > 3:
        reading.log.add(
            prim.GetPath().pathString,
            f"mjc:condim is {condim}: contacts resist sliding, but not spinning and rolling",
            kind="condim",
        )
    return condim == 1


def pair_frictions(reading: Reading, found: PhysicsPrims) -> dict[tuple[str, str], float]:
    """Coefficients that ``simrun:frictionPairsMu`` gives a collider with the targets of ``simrun:frictionPairs``."""
    result = {}
    for prim in found.colliders:
        relationship = prim.GetRelationship("simrun:frictionPairs")
        targets = relationship.GetForwardedTargets() if relationship else []
        if not targets:
            continue
        path = prim.GetPath().pathString
        mu = array(reading, prim, "simrun:frictionPairsMu")
        if mu is None or len(mu) != len(targets) or (mu < 0.0).any():
            reading.log.add(
                path, f"simrun:frictionPairsMu: {len(targets)} targets need as many numbers of at least 0; left out"
            )
            continue
        result.update({(path, target.pathString): float(value) for target, value in zip(targets, mu, strict=True)})
    return result
