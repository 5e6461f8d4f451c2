"""Sparse volumes: NanoVDB grids read, made, written, and used in kernels."""

from engine.volume.errors import VolumeFileError, VolumeTypeError, VolumeValueError
from engine.volume.volume import Volume
from engine.volume.volume_access import (
    volume_index_to_world,
    volume_index_to_world_dir,
    volume_lookup,
    volume_lookup_f,
    volume_lookup_i,
    volume_lookup_index,
    volume_lookup_v,
    volume_store,
    volume_store_f,
    volume_store_i,
    volume_store_v,
    volume_voxel_count,
    volume_world_to_index,
    volume_world_to_index_dir,
)
from engine.volume.volume_sample import (
    volume_sample,
    volume_sample_f,
    volume_sample_grad,
    volume_sample_grad_f,
    volume_sample_grad_index,
    volume_sample_i,
    volume_sample_index,
    volume_sample_v,
)
from engine.volume.volume_short_names import (
    volume_sample_local,
    volume_sample_world,
    volume_transform,
    volume_transform_inv,
)

__all__ = [
    "Volume",
    "VolumeFileError",
    "VolumeTypeError",
    "VolumeValueError",
    "volume_index_to_world",
    "volume_index_to_world_dir",
    "volume_lookup",
    "volume_lookup_f",
    "volume_lookup_i",
    "volume_lookup_index",
    "volume_lookup_v",
    "volume_sample",
    "volume_sample_f",
    "volume_sample_grad",
    "volume_sample_grad_f",
    "volume_sample_grad_index",
    "volume_sample_i",
    "volume_sample_index",
    "volume_sample_local",
    "volume_sample_v",
    "volume_sample_world",
    "volume_store",
    "volume_store_f",
    "volume_store_i",
    "volume_store_v",
    "volume_transform",
    "volume_transform_inv",
    "volume_voxel_count",
    "volume_world_to_index",
    "volume_world_to_index_dir",
]
