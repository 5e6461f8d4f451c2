"""The composition a recording is laid over: the untouched source below an override layer of ours."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pxr import Sdf, Tf, Usd, UsdGeom, UsdUtils

from usd_io.recorder.errors import RecorderError

# Stage-wide metadata is read from the root layer only, so the output repeats what the source's root layer says.
ROOT_METADATA = (
    "colorConfiguration",
    "colorManagementSystem",
    "customLayerData",
    "expressionVariables",
    "kilogramsPerUnit",
    "renderSettingsPrimPath",
)
FALLBACK_METERS_PER_UNIT = 0.01  # USD's rule for stages that name no unit: centimetres.


class ComposedSource:
    """The source stage with an (initially empty) override layer on top, held in memory.

    Attributes:
        root: Anonymous root layer; carries time-code rate and sublayers, so time scales are those of the output.
        overrides: Anonymous layer that collects what the output authors.
        stage: The composition of both with the source.
        meters_per_unit: Length unit of the stage [m].
        default_prim: Name of the default prim, or "" when the stage has no root prim.
    """

    def __init__(self, path: Path | None, *, fps: float, up_axis: str | None, meters_per_unit: float | None):
        self.path = path
        self.root = Sdf.Layer.CreateAnonymous("recording.usda")
        self.overrides = Sdf.Layer.CreateAnonymous("overrides.usdc")
        self._layer = _open_layer(path) if path is not None else None
        below = [self._layer.identifier] if self._layer else []
        self.root.timeCodesPerSecond = self.overrides.timeCodesPerSecond = fps
        self.root.framesPerSecond = self.overrides.framesPerSecond = fps
        if self._layer:
            _copy_root_metadata(self._layer, self.root)
        # The reader has already told the user about broken arcs; saying it twice helps nobody.
        quiet = UsdUtils.CoalescingDiagnosticDelegate()
        self.root.subLayerPaths = [self.overrides.identifier, *below]
        self.stage = Usd.Stage.Open(self.root, sessionLayer=None)
        del quiet
        said = self._layer.pseudoRoot if self._layer else self.root.pseudoRoot
        if meters_per_unit is None:
            meters_per_unit = (
                said.GetInfo("metersPerUnit") if said.HasInfo("metersPerUnit") else FALLBACK_METERS_PER_UNIT
            )
        if up_axis is None:
            up_axis = said.GetInfo("upAxis") if said.HasInfo("upAxis") else UsdGeom.GetFallbackUpAxis()
        self.meters_per_unit = meters_per_unit
        self.root.pseudoRoot.SetInfo("metersPerUnit", meters_per_unit)
        self.root.pseudoRoot.SetInfo("upAxis", up_axis)
        self.default_prim = self._choose_default_prim()

    def source_start(self, fps: float) -> float:
        """First time code of the source, in the output's time codes (0 when the source names none)."""
        if self._layer is None or not self._layer.HasStartTimeCode():
            return 0.0
        return self._layer.startTimeCode * fps / self._layer.timeCodesPerSecond

    def uses(self, path: Path) -> bool:
        """Whether the composition reads the file at ``path``."""
        files = (layer.realPath for layer in self.stage.GetUsedLayers())
        return any(file and os.path.exists(file) and path.exists() and os.path.samefile(file, path) for file in files)

    def relative_path(self, output: Path) -> str:
        """The source as the output names it: relative to the output's folder, with forward slashes."""
        source, folder = self.path.resolve(), output.resolve().parent
        try:
            relative = Path(os.path.relpath(source, folder)).as_posix()
        except ValueError:  # Another drive on Windows: no relative path exists.
            return source.as_posix()
        return relative if relative.startswith("../") else f"./{relative}"

    def open_instances_above(self, paths: Iterable[str]) -> list[Sdf.Path]:
        """Makes every instance root above the paths editable (``instanceable = false``), outermost first.

        A prim inside an instance cannot carry overrides of its own, so a moving one costs its instance the sharing.

        Returns:
            The paths that were opened.
        """
        wanted = {prefix for path in paths for prefix in Sdf.Path(path).GetParentPath().GetPrefixes()}
        opened: list[Sdf.Path] = []
        by_depth = sorted(wanted, key=lambda p: p.pathElementCount)
        depths = sorted({p.pathElementCount for p in by_depth})
        for depth in depths:
            closed = [
                p
                for p in by_depth
                if p.pathElementCount == depth and (prim := self.stage.GetPrimAtPath(p)) and prim.IsInstance()
            ]
            with Sdf.ChangeBlock():
                for path in closed:
                    Sdf.CreatePrimInLayer(self.overrides, path).instanceable = False
            opened += closed
        return opened

    def _choose_default_prim(self) -> str:
        default = self._layer.defaultPrim if self._layer else ""
        if default and self.stage.GetPrimAtPath(Sdf.Path.absoluteRootPath.AppendPath(default)):
            return default
        roots = self.stage.GetPseudoRoot().GetChildren()
        return roots[0].GetName() if roots else ""


def _open_layer(path: Path) -> Sdf.Layer:
    try:
        layer = Sdf.Layer.FindOrOpen(str(path.resolve()))
    except Tf.ErrorException:
        layer = None
    if layer is None:
        raise RecorderError(str(path), "cannot be opened as USD", expected="the scene that was simulated")
    return layer


def _copy_root_metadata(source: Sdf.Layer, target: Sdf.Layer) -> None:
    for key in ROOT_METADATA:
        if source.pseudoRoot.HasInfo(key):
            target.pseudoRoot.SetInfo(key, source.pseudoRoot.GetInfo(key))
