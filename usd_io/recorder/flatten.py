"""One self-contained file instead of a layer over the source."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pxr import Sdf, Usd, UsdUtils


def flattened(stage: Usd.Stage, moving: Iterable[Sdf.Path]) -> Sdf.Layer:
    """The composed stage as one layer, without the source's own samples on attributes that will be recorded.

    USD's flattening cannot copy metadata fields that no plugin registers (editors' private interface hints); it warns
    once for each, which is kept from the user.
    """
    quiet = UsdUtils.CoalescingDiagnosticDelegate()
    layer = stage.Flatten(addSourceFileComment=False)
    del quiet
    with Sdf.ChangeBlock():
        for prim in layer.rootPrims:
            # Flattening leaves shared prototypes as untyped overs, which validators take for forgotten ones.
            if prim.specifier == Sdf.SpecifierOver and prim.name.startswith("Flattened_Prototype"):
                prim.specifier = Sdf.SpecifierClass
        for path in moving:
            spec = layer.GetAttributeAtPath(path)
            if spec is None:
                continue
            times = spec.layer.ListTimeSamplesForPath(path)
            if times and not spec.HasDefaultValue():
                spec.default = layer.QueryTimeSample(path, times[0])
            for time in times:
                layer.EraseTimeSample(path, time)
    return layer


def relative_asset_paths(layer: Sdf.Layer, output: Path) -> None:
    """Turns the absolute asset paths that flattening leaves into paths relative to the output, where files exist."""
    folder = output.resolve().parent

    def relative(asset: str) -> str:
        file, bracket, inner = asset.partition("[")
        if not os.path.isabs(file) or not os.path.exists(file):
            return asset
        try:
            path = Path(os.path.relpath(file, folder)).as_posix()
        except ValueError:  # Another drive on Windows: only the absolute path works.
            return asset
        return (path if path.startswith("../") else f"./{path}") + bracket + inner

    UsdUtils.ModifyAssetPaths(layer, relative)
