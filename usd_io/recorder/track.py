"""The contract between the recorder and the things it records."""

from __future__ import annotations

from typing import Protocol

from pxr import Sdf

from usd_io.recorder.frames import FrameBatch


class Track(Protocol):
    """Some prims that move, and the attributes that carry their motion."""

    attributes: list[tuple[Sdf.Path, Sdf.ValueTypeName]]
    """Every attribute that receives time samples."""

    def author(self, layer: Sdf.Layer) -> None:
        """Writes what does not change: op orders, defaults, blocks, new prims, and specs for ``attributes``."""

    def sample(self, layer: Sdf.Layer, batch: FrameBatch) -> None:
        """Sets one time sample per frame on every one of ``attributes``; ``layer`` has their specs."""


def ensure_attribute(
    layer: Sdf.Layer, path: Sdf.Path, value_type: Sdf.ValueTypeName, *, uniform: bool = False
) -> Sdf.AttributeSpec:
    """The attribute spec at ``path``, created (with ``over`` parents) when missing."""
    spec = layer.GetAttributeAtPath(path)
    if spec is None:
        prim = Sdf.CreatePrimInLayer(layer, path.GetPrimPath())
        variability = Sdf.VariabilityUniform if uniform else Sdf.VariabilityVarying
        spec = Sdf.AttributeSpec(prim, path.name, value_type, variability)
    return spec


def set_samples(layer: Sdf.Layer, path: Sdf.Path, times: list[float], values) -> None:
    """One time sample per time; ``values`` is any iterable of USD values (a Vt array yields its elements)."""
    put = layer.SetTimeSample
    for time, value in zip(times, values, strict=True):
        put(path, time, value)
