"""From what a user says of voxels (size, transform, places, background) to index space and values."""

from __future__ import annotations

from typing import Any

import numpy as np

import engine as en
from engine.volume.errors import VolumeTypeError, VolumeValueError
from engine.volume.grid_format import INDEX, VALUE_TYPES, ValueType, value_type_of


def three_numbers(name: str, values: Any) -> np.ndarray:
    """`values` as a vector of three floats; raises with the name where they are not three."""
    try:
        out = np.array([float(x) for x in values])
    except TypeError:
        raise VolumeTypeError(f"Volume: {name} is {values!r}; expected three numbers") from None
    if out.shape != (3,):
        raise VolumeValueError(f"Volume: {name} has {len(out)} numbers; expected three")
    return out


def index_matrix(voxel_size: Any, transform: Any = None) -> np.ndarray:
    """Index to world, from the size of voxels or as given."""
    if (voxel_size is None) == (transform is None):
        raise (VolumeTypeError if transform is None else VolumeValueError)(
            f"Volume: got voxel_size {voxel_size!r} and transform {transform!r}; expected one of them"
        )
    if transform is not None:
        matrix = np.array(transform, np.float64).reshape(3, 3)
        if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) == 0.0:
            raise VolumeValueError(f"Volume: transform {matrix.tolist()} has no inverse")
        return matrix
    if isinstance(voxel_size, str):
        raise VolumeTypeError(f"Volume: voxel_size is {voxel_size!r}; expected a number or three")
    try:
        size = np.array([float(x) for x in voxel_size]) if np.ndim(voxel_size) else np.full(3, float(voxel_size))
    except TypeError:
        raise VolumeTypeError(f"Volume: voxel_size is {voxel_size!r}; expected a number or three") from None
    if size.shape != (3,):
        raise VolumeValueError(f"Volume: voxel_size has {len(size)} numbers; expected one or three")
    if not np.all((size > 0) & np.isfinite(size)):
        raise VolumeValueError(f"Volume: voxel_size is {voxel_size!r}; expected positive finite numbers")
    return np.diag(size)


def voxels_of(name: str, points: Any, matrix: np.ndarray, translation: Any) -> np.ndarray:
    """Voxel coordinates of points in index or world space, shape [n, 3]."""
    values = points.numpy() if isinstance(points, en.array) else np.asarray(points)
    if values.ndim != 2 or values.shape[1] != 3:
        raise VolumeValueError(f"Volume: {name} has shape {values.shape}; expected [n, 3]")
    if values.dtype.kind in "iu":
        return values.astype(np.int32)
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        raise VolumeValueError(f"Volume: {name} are {values.dtype}; expected finite numbers")
    index = (values.astype(np.float64) - three_numbers("translation", translation)) @ np.linalg.inv(matrix).T
    return np.floor(index + 0.5).astype(np.int32)


def type_of_background(bg_value: Any) -> ValueType:
    """The type of voxels that a background value means."""
    if bg_value is None:
        return VALUE_TYPES[INDEX]
    if isinstance(bg_value, (bool, np.bool_, str)):
        raise VolumeTypeError(f"Volume: got bg_value {bg_value!r}; expected numbers")
    dtype = type(bg_value) if isinstance(bg_value, en.types.Composite) else None
    if dtype is None and isinstance(bg_value, np.generic):
        dtype = en.types.as_type(bg_value.dtype)
    if dtype is None:
        if isinstance(bg_value, int):
            dtype = en.int32
        elif isinstance(bg_value, float):
            dtype = en.float32
        elif np.ndim(bg_value) == 1:
            dtype = en.vector(len(bg_value), en.float32)
    row = value_type_of(dtype)
    if row is None:
        known = ", ".join(r.dtype.name for r in VALUE_TYPES.values() if r.dtype is not None)
        raise VolumeTypeError(f"Volume: got bg_value {bg_value!r}; expected a value of one of {known}")
    return row


def background_values(bg_value: Any, row: ValueType) -> np.ndarray:
    flat = np.ravel(np.asarray(list(bg_value) if np.ndim(bg_value) or hasattr(bg_value, "_values") else bg_value))
    if len(flat) not in (1, row.width):
        raise VolumeValueError(f"Volume: bg_value has {len(flat)} numbers; expected {row.width}")
    out = np.broadcast_to(flat, (row.width,)).astype(row.scalar)
    return out if row.width > 1 else out[0]
