"""Samples of float volumes, and their transforms, under the shorter names that Warp's course and first releases use."""

from __future__ import annotations

import engine as en
from engine.volume.volume_access import volume_index_to_world, volume_world_to_index
from engine.volume.volume_sample import volume_sample_f


@en.func
def volume_sample_local(id: en.uint64, uvw: en.vec3, sampling_mode: int) -> float:
    """Value of a float volume at a point in index space."""
    return volume_sample_f(id, uvw, sampling_mode)


@en.func
def volume_sample_world(id: en.uint64, xyz: en.vec3, sampling_mode: int) -> float:
    """Value of a float volume at a world position [m]."""
    return volume_sample_f(id, volume_world_to_index(id, xyz), sampling_mode)


@en.func
def volume_transform(id: en.uint64, uvw: en.vec3) -> en.vec3:
    """World position [m] of a point in index space."""
    return volume_index_to_world(id, uvw)


@en.func
def volume_transform_inv(id: en.uint64, xyz: en.vec3) -> en.vec3:
    """Point in index space of a world position [m]."""
    return volume_world_to_index(id, xyz)
