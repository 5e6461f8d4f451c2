"""Sampling volumes between voxels, in the kernel language.

A trilinear sample needs eight voxels. Two in three samples find them all in one leaf, which is then looked up once.
Interpolation runs in the scalar type of the voxels, over values that were loaded before: it is straight-line code.
"""

from __future__ import annotations

from typing import Any

import engine as en
from engine.in_out import InOut
from engine.volume import volume_layout as layout
from engine.volume.errors import VolumeTypeError
from engine.volume.volume_access import (
    find_leaf,
    has_type,
    index_in_leaf,
    slot_in_leaf,
    type_code,
    volume_lookup,
    volume_lookup_index,
    voxel_address,
)

CLOSEST, LINEAR = 0, 1
LAST = 7


def gradient_type(dtype: Any) -> Any:
    """Type of the gradient of values: a vector for numbers, else a matrix with a row per component."""
    dtype = en.types.as_type(dtype)
    return en.vector(3, dtype) if dtype.kind == "scalar" else en.matrix((dtype.count, 3), dtype.scalar)


def checked_gradient(dtype: Any, given: Any) -> bool:
    """True if `given` is the type of the gradient of values of type `dtype`."""
    expected = gradient_type(dtype)
    if given is not expected:
        names = (t.name + "f" * (t.scalar is en.float32) for t in (expected, given))
        raise VolumeTypeError("Incompatible gradient type, expected {}, got {}".format(*names))
    return True


@en.func
def _closest(x: float) -> int:
    return int(en.floor(x + 0.5))


@en.func
def _corner_addresses(id: en.uint64, i: int, j: int, k: int, addresses: en.array(dtype=en.uint64)):
    """Addresses of the eight voxels from (i, j, k) on; z changes fastest."""
    leaf = en.uint64(0)
    if (i & LAST) != LAST and (j & LAST) != LAST and (k & LAST) != LAST:
        leaf, _value = find_leaf(id, i, j, k)
    if leaf != en.uint64(0):
        size = en.ptr_load(en.uint64, id, layout.VALUE_BYTES)
        first = leaf + en.ptr_load(en.uint64, id, layout.LEAF_VALUES) + en.uint64(slot_in_leaf(i, j, k)) * size
        for c in range(8):
            addresses[c] = first + en.uint64((c >> 2) * 64 + (c >> 1 & 1) * 8 + (c & 1)) * size
    else:
        c = 0
        while c < 8:
            addresses[c] = voxel_address(id, i + (c >> 2), j + (c >> 1 & 1), k + (c & 1))
            c = c + 1


@en.func
def _corner_indices(id: en.uint64, i: int, j: int, k: int, indices: en.array(dtype=int)):
    """Numbers of the eight voxels from (i, j, k) on in arrays of voxel data; z changes fastest."""
    leaf = en.uint64(0)
    if (i & LAST) != LAST and (j & LAST) != LAST and (k & LAST) != LAST:
        leaf, _value = find_leaf(id, i, j, k)
    c = 0
    while c < 8:
        if leaf != en.uint64(0):
            indices[c] = index_in_leaf(id, leaf, slot_in_leaf(i + (c >> 2), j + (c >> 1 & 1), k + (c & 1)))
        else:
            indices[c] = volume_lookup_index(id, i + (c >> 2), j + (c >> 1 & 1), k + (c & 1))
        c = c + 1


@en.func
def _mix(a: Any, b: Any, t: Any):
    return a + (b - a) * t


@en.func
def _interpolated(v0: Any, v1: Any, v2: Any, v3: Any, v4: Any, v5: Any, v6: Any, v7: Any, x: Any, y: Any, z: Any):
    """Value at (x, y, z) in [0, 1]³ of eight corners."""
    low = _mix(_mix(v0, v1, z), _mix(v2, v3, z), y)
    high = _mix(_mix(v4, v5, z), _mix(v6, v7, z), y)
    return _mix(low, high, x)


@en.func
def _slopes(v0: Any, v1: Any, v2: Any, v3: Any, v4: Any, v5: Any, v6: Any, v7: Any, x: Any, y: Any, z: Any):
    """Derivatives of `_interpolated` along x, y and z."""
    along_x = _mix(_mix(v4 - v0, v5 - v1, z), _mix(v6 - v2, v7 - v3, z), y)
    along_y = _mix(_mix(v2 - v0, v3 - v1, z), _mix(v6 - v4, v7 - v5, z), x)
    along_z = _mix(_mix(v1 - v0, v3 - v2, y), _mix(v5 - v4, v7 - v6, y), x)
    return along_x, along_y, along_z


@en.func
def _as_gradient(along_x: Any, along_y: Any, along_z: Any, gradient: Any):
    """Slopes as a vector, or a matrix with a row per component."""
    kind = type(gradient)
    if en.static(kind.kind == "vec"):
        gradient[0] = along_x
        gradient[1] = along_y
        gradient[2] = along_z
    else:
        for c in range(en.static(kind.shape[0])):
            gradient[c, 0] = along_x[c]
            gradient[c, 1] = along_y[c]
            gradient[c, 2] = along_z[c]
    return gradient


@en.func
def _corner_values(id: en.uint64, i: int, j: int, k: int, dtype: Any):
    at = en.empty(shape=8, dtype=en.uint64)
    _corner_addresses(id, i, j, k, at)
    return (
        en.ptr_load(dtype, at[0], 0),
        en.ptr_load(dtype, at[1], 0),
        en.ptr_load(dtype, at[2], 0),
        en.ptr_load(dtype, at[3], 0),
        en.ptr_load(dtype, at[4], 0),
        en.ptr_load(dtype, at[5], 0),
        en.ptr_load(dtype, at[6], 0),
        en.ptr_load(dtype, at[7], 0),
    )


@en.func
def _data_or(voxel_data: en.array(dtype=Any), index: int, background: Any):
    value = background
    if index >= 0:
        value = voxel_data[index]
    return value


@en.func
def _corner_data(id: en.uint64, i: int, j: int, k: int, voxel_data: en.array(dtype=Any), background: Any):
    at = en.empty(shape=8, dtype=en.int32)
    _corner_indices(id, i, j, k, at)
    return (
        _data_or(voxel_data, at[0], background),
        _data_or(voxel_data, at[1], background),
        _data_or(voxel_data, at[2], background),
        _data_or(voxel_data, at[3], background),
        _data_or(voxel_data, at[4], background),
        _data_or(voxel_data, at[5], background),
        _data_or(voxel_data, at[6], background),
        _data_or(voxel_data, at[7], background),
    )


@en.func
def volume_sample(id: en.uint64, uvw: en.vec3, sampling_mode: int, dtype: Any):
    """Value of type `dtype` at a point in index space, `Volume.CLOSEST` or `Volume.LINEAR` between voxel centres."""
    value = dtype()
    if has_type(id, en.static(type_code(dtype))):
        if sampling_mode == LINEAR:
            if en.static(en.types.as_type(dtype).scalar.is_float):
                scalar = en.static(en.types.as_type(dtype).scalar)
                x = en.floor(uvw[0])
                y = en.floor(uvw[1])
                z = en.floor(uvw[2])
                v0, v1, v2, v3, v4, v5, v6, v7 = _corner_values(id, int(x), int(y), int(z), dtype)
                u = scalar(uvw[0] - x)
                v = scalar(uvw[1] - y)
                w = scalar(uvw[2] - z)
                value = _interpolated(v0, v1, v2, v3, v4, v5, v6, v7, u, v, w)
            else:
                value = volume_lookup(id, _closest(uvw[0]), _closest(uvw[1]), _closest(uvw[2]), dtype)
        else:
            value = volume_lookup(id, _closest(uvw[0]), _closest(uvw[1]), _closest(uvw[2]), dtype)
    return value


@en.func
def _sample_grad(id: en.uint64, uvw: en.vec3, sampling_mode: int, grad: Any, dtype: Any):
    value = dtype()
    grad = en.static(gradient_type(dtype))()
    if has_type(id, en.static(type_code(dtype))):
        if sampling_mode == LINEAR:
            scalar = en.static(en.types.as_type(dtype).scalar)
            x = en.floor(uvw[0])
            y = en.floor(uvw[1])
            z = en.floor(uvw[2])
            v0, v1, v2, v3, v4, v5, v6, v7 = _corner_values(id, int(x), int(y), int(z), dtype)
            u = scalar(uvw[0] - x)
            v = scalar(uvw[1] - y)
            w = scalar(uvw[2] - z)
            value = _interpolated(v0, v1, v2, v3, v4, v5, v6, v7, u, v, w)
            along_x, along_y, along_z = _slopes(v0, v1, v2, v3, v4, v5, v6, v7, u, v, w)
            grad = _as_gradient(along_x, along_y, along_z, grad)
        else:
            value = volume_lookup(id, _closest(uvw[0]), _closest(uvw[1]), _closest(uvw[2]), dtype)
    return value, grad


@en.func
def _checked_sample_grad(id: en.uint64, uvw: en.vec3, sampling_mode: int, grad: Any, dtype: Any):
    given = type(grad)
    if en.static(checked_gradient(dtype, given)):
        pass
    return _sample_grad(id, uvw, sampling_mode, grad, dtype)


@en.func
def _sample_grad_f(id: en.uint64, uvw: en.vec3, sampling_mode: int, grad: en.vec3):
    return _sample_grad(id, uvw, sampling_mode, grad, en.float32)


@en.func
def volume_sample_f(id: en.uint64, uvw: en.vec3, sampling_mode: int) -> float:
    """Value of a float volume at a point in index space."""
    return volume_sample(id, uvw, sampling_mode, en.float32)


@en.func
def volume_sample_v(id: en.uint64, uvw: en.vec3, sampling_mode: int) -> en.vec3:
    """Value of a vec3 volume at a point in index space."""
    return volume_sample(id, uvw, sampling_mode, en.vec3)


@en.func
def volume_sample_i(id: en.uint64, uvw: en.vec3) -> int:
    """Value of an int32 volume at the voxel closest to a point in index space."""
    return volume_sample(id, uvw, CLOSEST, en.int32)


@en.func
def volume_sample_index(
    id: en.uint64, uvw: en.vec3, sampling_mode: int, voxel_data: en.array(dtype=Any), background: Any
):
    """Voxel data at a point in index space; `background` where the volume has no voxel.

    `voxel_data` holds a value for every voxel, in the order of `Volume.get_voxels()`.
    """
    dtype = voxel_data.dtype
    value = background
    if sampling_mode == LINEAR:
        scalar = en.static(dtype.scalar)
        x = en.floor(uvw[0])
        y = en.floor(uvw[1])
        z = en.floor(uvw[2])
        v0, v1, v2, v3, v4, v5, v6, v7 = _corner_data(id, int(x), int(y), int(z), voxel_data, background)
        u = scalar(uvw[0] - x)
        v = scalar(uvw[1] - y)
        w = scalar(uvw[2] - z)
        value = _interpolated(v0, v1, v2, v3, v4, v5, v6, v7, u, v, w)
    else:
        index = volume_lookup_index(id, _closest(uvw[0]), _closest(uvw[1]), _closest(uvw[2]))
        value = _data_or(voxel_data, index, background)
    return value


@en.func
def _sample_grad_index(
    id: en.uint64, uvw: en.vec3, sampling_mode: int, voxel_data: en.array(dtype=Any), background: Any, grad: Any
):
    dtype = voxel_data.dtype
    given = type(grad)
    if en.static(checked_gradient(dtype, given)):
        pass
    value = background
    grad = en.static(gradient_type(dtype))()
    if sampling_mode == LINEAR:
        scalar = en.static(dtype.scalar)
        x = en.floor(uvw[0])
        y = en.floor(uvw[1])
        z = en.floor(uvw[2])
        v0, v1, v2, v3, v4, v5, v6, v7 = _corner_data(id, int(x), int(y), int(z), voxel_data, background)
        u = scalar(uvw[0] - x)
        v = scalar(uvw[1] - y)
        w = scalar(uvw[2] - z)
        value = _interpolated(v0, v1, v2, v3, v4, v5, v6, v7, u, v, w)
        along_x, along_y, along_z = _slopes(v0, v1, v2, v3, v4, v5, v6, v7, u, v, w)
        grad = _as_gradient(along_x, along_y, along_z, grad)
    else:
        index = volume_lookup_index(id, _closest(uvw[0]), _closest(uvw[1]), _closest(uvw[2]))
        value = _data_or(voxel_data, index, background)
    return value, grad


volume_sample_grad = InOut(_checked_sample_grad, (3,), "volume_sample_grad")
volume_sample_grad.__doc__ = """`volume_sample_grad(id, uvw, mode, grad, dtype)`: as `volume_sample`; sets `grad` to the
derivative with respect to `uvw`: a vec3 for numbers, a matrix with a row per component for vectors."""
volume_sample_grad_f = InOut(_sample_grad_f, (3,), "volume_sample_grad_f")
volume_sample_grad_f.__doc__ = """`volume_sample_grad_f(id, uvw, mode, grad)`: as `volume_sample_f`; sets `grad`."""
volume_sample_grad_index = InOut(_sample_grad_index, (5,), "volume_sample_grad_index")
volume_sample_grad_index.__doc__ = """`volume_sample_grad_index(id, uvw, mode, voxel_data, background, grad)`: as
`volume_sample_index`; sets `grad` to the derivative with respect to `uvw`."""
