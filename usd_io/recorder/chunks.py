"""The unfinished recording on disk: a small root layer over chunks of frames, joined by value clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pxr import Sdf, UsdUtils, Vt

from usd_io.recorder.atomic import export_atomically
from usd_io.recorder.output_place import OutputPlace
from usd_io.recorder.track import ensure_attribute

CLIP_SET = "simrun"


class ChunkStore:
    """Chunks written so far.

    Attributes:
        count: Chunks on disk.
    """

    def __init__(self, place: OutputPlace, attributes: list[tuple[Sdf.Path, Sdf.ValueTypeName]]):
        self._place = place
        self._ranges: list[tuple[float, float]] = []
        self._prims = sorted({path.GetPrefixes()[0] for path, _ in attributes})
        self.manifest = Sdf.Layer.CreateAnonymous("manifest.usdc")
        with Sdf.ChangeBlock():
            for path, value_type in attributes:
                ensure_attribute(self.manifest, path, value_type)

    @property
    def count(self) -> int:
        return len(self._ranges)

    def start(self, base: Sdf.Layer, stamp: Callable[[Sdf.Layer], None], below: list[str]) -> None:
        """Writes what every chunk stands on, and the root layer without frames.

        Args:
            base: What does not change with time.
            stamp: Writes the current stage metadata on a root layer.
            below: Sublayer paths of the source, relative to the output.
        """
        self._stamp = stamp
        self._sub_layers = [self._name("base"), *below]
        self._export(base, self._file("base"))
        self._export(self.manifest, self._file("manifest"))
        self._write_root()

    def add(self, chunk: Sdf.Layer, first: float, last: float) -> None:
        """Writes one chunk, then the root layer that knows it.

        The chunk repeats the last frame of the one before it, so that playback interpolates across the seam.
        """
        self._export(chunk, self._file(_chunk_name(self.count)))
        self._ranges.append((first, last))
        try:
            self._write_root()
        except BaseException:  # An interrupt as well: the root on disk does not name this chunk.
            self._ranges.pop()
            raise

    def layers(self) -> list[Sdf.Layer]:
        """The chunks, opened without entering USD's layer registry; arrays stay mapped files until used."""
        return [Sdf.Layer.OpenAsAnonymous(str(self._file(_chunk_name(i)))) for i in range(self.count)]

    def _write_root(self) -> None:
        root = Sdf.Layer.CreateAnonymous("root.usda")
        self._stamp(root)
        root.subLayerPaths = self._sub_layers
        if self._ranges:
            starts = [first for first, _ in self._ranges]
            last = self._ranges[-1][1]
            clips = {
                "assetPaths": Sdf.AssetPathArray(
                    [Sdf.AssetPath(self._name(_chunk_name(i))) for i in range(self.count)]
                ),
                "manifestAssetPath": Sdf.AssetPath(self._name("manifest")),
                "active": Vt.Vec2dArray([(start, i) for i, start in enumerate(starts)]),
                "times": Vt.Vec2dArray([(starts[0], starts[0]), (last, last)]),
            }
            for prim in self._prims:
                spec = Sdf.CreatePrimInLayer(root, prim)
                spec.SetInfo("clips", {CLIP_SET: {**clips, "primPath": str(prim)}})
        export_atomically(root, self._place.path, self._place.folder, file_format=self._place.file_format)

    def _export(self, layer: Sdf.Layer, path: Path) -> None:
        export_atomically(layer, path, self._place.folder)

    def _file(self, name: str) -> Path:
        return self._place.folder / f"{name}.usdc"

    def _name(self, name: str) -> str:
        return f"./{self._place.folder.name}/{name}.usdc"


def joined(layers: list[Sdf.Layer]) -> Sdf.Layer:
    """One layer with the time samples of all, merged pairwise so that the work is n log n in the number of layers.

    The layers given are used up.
    """
    while len(layers) > 1:
        for a, b in zip(layers[::2], layers[1::2], strict=False):
            UsdUtils.StitchLayers(a, b)
        layers = layers[::2]
    return layers[0]


def add_samples(layer: Sdf.Layer, samples: Sdf.Layer) -> None:
    """Adds the time samples of one layer to another that has no samples on those attributes."""
    UsdUtils.StitchLayers(layer, samples)


def _chunk_name(number: int) -> str:
    return f"chunk_{number:06d}"
