"""Physics materials, through bindings inherited down the hierarchy and collections."""

from __future__ import annotations

from pxr import Usd, UsdShade

from usd_io.read.friction import combine_mode
from usd_io.read.reading import Reading
from usd_io.read.values import scalar
from usd_io.records import MaterialRecord

RIGID, SURFACE, VOLUME, CURVES = "rigid", "surface", "volume", "curves"
NO_MATERIAL = MaterialRecord()

# The deformable proposal renamed its attributes between drafts; every spelling in circulation is read, newest first.
_PREFIXES = {SURFACE: ("", "surface"), CURVES: ("", "curves", "curve"), VOLUME: ("",), RIGID: ("",)}


class MaterialReader:
    """Reads the material bound to a prim for purpose ``physics``; each material is read once for each use."""

    def __init__(self, reading: Reading):
        self._reading = reading
        self._cache: dict[tuple[str, str], MaterialRecord] = {}

    def bound(self, prims: list[Usd.Prim], use: str) -> list[MaterialRecord]:
        """The material of each prim, looked up for all at once.

        ``use`` is one of RIGID, SURFACE, VOLUME, CURVES: which of the stiffness attributes apply.
        """
        if not prims:
            return []
        materials, _ = UsdShade.MaterialBindingAPI.ComputeBoundMaterials(prims, "physics")
        return [self._record(m.GetPrim(), use) if m else NO_MATERIAL for m in materials]

    def _record(self, prim: Usd.Prim, use: str) -> MaterialRecord:
        key = (prim.GetPath().pathString, use)
        if key not in self._cache:
            self._cache[key] = _read_material(self._reading, prim, use)
        return self._cache[key]


def _read_material(reading: Reading, prim: Usd.Prim, use: str) -> MaterialRecord:
    schemas = {a.removeprefix("Omni") for a in prim.GetPrimTypeInfo().GetAppliedAPISchemas()}
    if not any(s.startswith("Physics") and s.endswith("MaterialAPI") for s in schemas):
        return NO_MATERIAL  # a render material: it says nothing about physics

    def named(*names: str, low: float | None = 0.0, above: float | None = None) -> float | None:
        for name in names:
            for space in ("physics", "omniphysics"):
                value = scalar(reading, prim, f"{space}:{name}", low=low, above=above)
                if value is not None:
                    return value
        return None

    def for_use(name: str, low: float = 0.0) -> float | None:
        return named(*(p + name[0].upper() + name[1:] if p else name for p in _PREFIXES[use]), low=low)

    def times(value: float | None, unit: float) -> float | None:
        return None if value is None else value * unit

    deformable = use in (SURFACE, CURVES)
    poisson = named("poissonsRatio", low=None)
    if poisson is not None and not -1.0 < poisson <= 0.5:
        reading.log.add(
            prim.GetPath().pathString,
            f"physics:poissonsRatio is {poisson:g}, expected above -1 and at most 0.5; it is clamped",
            kind="poisson",
        )
        poisson = min(max(poisson, -0.99), 0.5)
    return MaterialRecord(
        path=prim.GetPath().pathString,
        static_friction=named("staticFriction"),
        dynamic_friction=named("dynamicFriction"),
        restitution=named("restitution"),
        density=times(named("density"), reading.density_unit) or None,
        youngs_modulus=times(named("youngsModulus"), reading.pressure_unit),
        poissons_ratio=poisson,
        thickness=(times(for_use("thickness"), reading.meters) or None) if deformable else None,
        stretch_stiffness=times(for_use("stretchStiffness"), reading.pressure_unit) if deformable else None,
        shear_stiffness=times(for_use("shearStiffness"), reading.pressure_unit) if deformable else None,
        bend_stiffness=times(for_use("bendStiffness"), reading.pressure_unit) if deformable else None,
        twist_stiffness=times(for_use("twistStiffness"), reading.pressure_unit) if use == CURVES else None,
        friction_combine=combine_mode(reading, prim),
    )
