"""Height field assets: numbers written out in the model, MuJoCo's binary file, or a PNG picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim.geometry.height_field import HeightField
from usd_io.errors import SceneError
from usd_io.mjcf.document import Document
from usd_io.shape_records import HeightFieldShape
from usd_io.xml.attributes import number, numbers
from usd_io.xml.element import Element

MOST_POINTS = 4_000_000


def height_field(document: Document, element: Element) -> HeightFieldShape:
    """The shape of an ``hfield`` asset.

    Raises:
        SceneError: Sizes or numbers of rows that do not fit, a broken file, a picture where Pillow is not installed.
    """
    size = numbers(element, "size", count=4)
    if size is None or (size <= 0.0).any():
        raise SceneError(
            f"{element.where} size", f"got {element.attributes.get('size')!r}", expected="four positive numbers"
        )
    if "file" in element.attributes:
        file = document.file(element.attributes["file"], element.where, subfolder=document.compiler.meshdir)
        # Pictures have their first row at the top, which is far away.
        grid = _picture(element, file)[::-1] if file.suffix.lower() == ".png" else _binary(element, file)
    else:
        # Rows are written as a map is drawn, the far one first.
        grid = _written_out(element)[::-1]
    low, high = float(grid.min()), float(grid.max())
    share = (grid - low) / (high - low) if high > low else np.zeros_like(grid)
    mesh = HeightField(share * size[2], float(size[0]), float(size[1]), float(size[3]))
    return HeightFieldShape(
        np.asarray(mesh.vertices, np.float32), np.asarray(mesh.indices, np.int32).reshape(-1, 3), field=mesh
    )


def _shape(element: Element) -> tuple[int, int]:
    rows, columns = (int(number(element, name, 0.0)) for name in ("nrow", "ncol"))
    if min(rows, columns) < 2 or rows * columns > MOST_POINTS:
        raise SceneError(
            element.where, f"{rows} rows and {columns} columns", expected=f"2 or more, at most {MOST_POINTS} points"
        )
    return rows, columns


def _written_out(element: Element) -> np.ndarray:
    rows, columns = _shape(element)
    heights = numbers(element, "elevation", np.zeros(rows * columns), count=rows * columns)
    return heights.reshape(rows, columns)


def _picture(element: Element, file: Path) -> np.ndarray:
    """Heights by the brightness of a picture's first channel in 256 levels, as MuJoCo takes them."""
    try:
        from PIL import Image  # Part of the extra `[view]`, and few models need it.
    except ImportError:
        raise SceneError(
            element.where, f"{file.name} is a picture, and Pillow is not installed", expected="Pillow",
            next_step="run: pip install pillow",
        ) from None  # fmt: skip
    try:
        with Image.open(file, formats=("PNG",)) as image:
            columns, rows = image.size
            if min(rows, columns) < 2 or rows * columns > MOST_POINTS:
                raise SceneError(
                    element.where, f"{file.name} has {columns} x {rows} pixels",
                    expected=f"2 or more each way, at most {MOST_POINTS} in all",
                )  # fmt: skip
            if image.mode.startswith("I"):  # 16 bits
                return np.asarray(image, np.int64) // 256.0
            return np.asarray(image.convert("RGB"), np.float64)[..., 0]
    except SceneError:
        raise
    # Broken pictures raise errors of many kinds.
    except Exception as error:
        raise SceneError(
            element.where,
            f"{file.name} cannot be read ({' '.join(str(error).split())[:120]})",
            expected="a PNG picture",
        ) from None


def _binary(element: Element, file: Path) -> np.ndarray:
    data = file.read_bytes()
    if len(data) < 8:
        raise SceneError(element.where, f"{file.name} holds {len(data)} bytes", expected="rows, columns and heights")
    rows, columns = np.frombuffer(data, np.int32, 2).tolist()
    if min(rows, columns) < 2 or rows * columns > MOST_POINTS or len(data) < 8 + 4 * rows * columns:
        raise SceneError(
            element.where, f"{file.name} says {rows} rows and {columns} columns", expected="a file of that size"
        )
    grid = np.frombuffer(data, np.float32, rows * columns, 8).reshape(rows, columns).astype(np.float64)
    if not np.isfinite(grid).all():
        raise SceneError(element.where, f"{file.name} holds NaN or infinity", expected="finite heights")
    return grid
