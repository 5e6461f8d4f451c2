"""A differentiable kernel compiler for Python: arrays, kernels, spatial queries. See ARCHITECTURE.md."""

from builtins import float as float
from builtins import int as int

from engine import config as config
from engine import types as types
from engine.array_copies import clone, copy
from engine.array_making import (
    empty,
    empty_like,
    from_numpy,
    from_ptr,
    full,
    full_like,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from engine.array_types import fixedarray
from engine.arrays import array, array1d, array2d, array3d, array4d
from engine.autodiff.checkpoint import checkpoint
from engine.autodiff.custom_gradient import adjoint, func_grad, func_replay
from engine.autodiff.dual_tape import hvp, jvp
from engine.autodiff.errors import GradientError, TapeError
from engine.autodiff.function_gradient import grad
from engine.autodiff.gradcheck import gradcheck, jacobian, jacobian_fd
from engine.autodiff.tape import Tape
from engine.cache import clear as clear_kernel_cache
from engine.capture import (
    Graph,
    ScopedCapture,
    ScopedSequence,
    capture_begin,
    capture_end,
    capture_if,
    capture_launch,
    capture_while,
    is_conditional_graph_supported,
)
from engine.constants import *  # noqa: F403
from engine.cpu.runtime import get_threads, set_threads
from engine.device import (
    Device,
    DeviceLike,
    ScopedDevice,
    get_cuda_device,
    get_cuda_device_count,
    get_cuda_devices,
    get_device,
    get_devices,
    get_preferred_device,
    is_cpu_available,
    is_cuda_available,
    is_device_available,
    set_device,
)
from engine.device_access import (
    ScopedMempool,
    ScopedMempoolAccess,
    ScopedPeerAccess,
    get_mempool_release_threshold,
    get_mempool_used_mem_current,
    get_mempool_used_mem_high,
    is_mempool_access_enabled,
    is_mempool_access_supported,
    is_mempool_enabled,
    is_mempool_supported,
    is_peer_access_enabled,
    is_peer_access_supported,
    set_mempool_access_enabled,
    set_mempool_enabled,
    set_mempool_release_threshold,
    set_peer_access_enabled,
)
from engine.elementwise import map as map
from engine.errors import (
    EngineError,
    EngineIndexError,
    EngineTypeError,
    EngineValueError,
    KernelAssertionError,
    KernelAttributeError,
    KernelError,
    KernelNameError,
    KernelSyntaxError,
    KernelTypeError,
    KernelValueError,
    LaunchError,
    WarpCodegenAttributeError,
    WarpCodegenError,
    WarpCodegenIndexError,
    WarpCodegenKeyError,
    WarpCodegenTypeError,
    WarpCodegenValueError,
)
from engine.function import Function, func
from engine.graph_drawing import capture_debug_dot_print
from engine.indexed_arrays import indexedarray, indexedarray1d, indexedarray2d, indexedarray3d, indexedarray4d
from engine.interop import *  # noqa: F403
from engine.kernel import Kernel, kernel, overload
from engine.lang.calls import static
from engine.launching import Launch, launch
from engine.library import expectations as _expectations
from engine.library import linear_algebra as _linear_algebra
from engine.library import memory as _memory
from engine.library import random as _random
from engine.library import rotations as _rotations
from engine.library import scalars as _scalars
from engine.library.registry import BUILTINS as _BUILTINS
from engine.modules import Module, force_load, get_module, get_module_options, load_module, set_module_options
from engine.native.function import func_native
from engine.references import address_of, ref
from engine.session import (
    LOG_DEBUG,
    LOG_ERROR,
    LOG_INFO,
    LOG_WARNING,
    constant,
    get_cuda_driver_version,
    get_cuda_toolkit_version,
    init,
)
from engine.streams import (
    Event,
    ScopedStream,
    Stream,
    get_event_elapsed_time,
    get_stream,
    record_event,
    set_stream,
    synchronize,
    synchronize_device,
    synchronize_event,
    synchronize_stream,
    wait_event,
    wait_stream,
)
from engine.structs import struct
from engine.timing import ScopedTimer
from engine.type_queries import dtype_from_numpy, dtype_to_numpy
from engine.types import (
    NAMED_TYPES as _NAMED_TYPES,
)  # fmt: skip
from engine.types import (
    Float,
    Int,
    Scalar,
    bfloat16,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    matrix,
    quaternion,
    transform_expand,
    transformation,
    uint8,
    uint16,
    uint32,
    uint64,
    vector,
)
from engine.types import (
    bool_ as bool,
)

globals().update(_NAMED_TYPES)
#: The type of ids of meshes, grids and volumes.
handle = uint64
# builtins of the kernel language, under names that do not hide an array constructor or a type of Python scope
_PYTHON_SCOPE = {"zeros", "empty", "vector", "matrix", "quaternion", "transformation"}
globals().update({name: row for name, row in _BUILTINS.items() if name[0] != "%" and name not in _PYTHON_SCOPE})

# written in the kernel language itself, so it needs the names above
from engine.library import (  # noqa: E402
    articulations,
    decomposition_gradients,
    decompositions,
    frames,
    geometry,
    noises,
    norms,
    quaternions,
    sampling,
    search,
    special_functions,
)
from engine.library.functions import FUNCTIONS as _FUNCTIONS  # noqa: E402

globals().update({name: function for name, (function, _) in _FUNCTIONS.items()})
from engine import optim as optim  # noqa: E402
from engine import utils as utils  # noqa: E402
from engine.spatial import *  # noqa: E402, F403
from engine.volume import *  # noqa: E402, F403
