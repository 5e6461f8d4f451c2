"""What a volume tells of its grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GridInfo:
    """What the header of a grid says.

    Attributes:
        name: Name of the grid.   size_in_bytes: Of its buffer.
        grid_index, grid_count: Which grid of its file it is, of how many.
        type_str: Type of the voxels: "float", "Vec3f", "int32", "OnIndex" …
        translation: World position [m] of index (0, 0, 0).   transform_matrix: Index to world, 3x3.
    """

    name: str
    size_in_bytes: int
    grid_index: int
    grid_count: int
    type_str: str
    translation: Any
    transform_matrix: Any


@dataclass(frozen=True)
class FeatureArrayInfo:
    """An array that a grid carries beside its voxels: name, address, bytes of an element, elements, type."""

    name: str
    ptr: int
    value_size: int
    value_count: int
    type_str: str
