"""Kernels: what `@kernel` makes, and how it compiles for the types and layout of its arguments."""

from __future__ import annotations

import ctypes
import functools
import inspect
import itertools
import os
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import config
from engine import types as T
from engine.array_types import ArrayType
from engine.arrays import array
from engine.cpu import emit_llvm, jit, native_code
from engine.cpu.emit_lanes import LaneModule
from engine.cpu.lane_shapes import NotInLanes
from engine.device import Device, get_device
from engine.errors import EngineError, KernelAssertionError, LaunchError
from engine.foreign import adopt
from engine.function import call_function, parameter, type_of_value
from engine.indexed_arrays import IndexedArrayType, indexedarray
from engine.lang import definitions, ir
from engine.lang.compiler import Compiler
from engine.lang.source import Source
from engine.lang.values import Val
from engine.modules import find_kernel, get_module
from engine.structs import packed

#: What a variant knows of its arrays: None if any is strided, else (argument, row length) of those with short rows.
Layout = tuple[tuple[int, int], ...] | None
_INT_LIMIT = 1 << 31
SERIAL = 1 << 62  # a grain that no launch reaches: the job runs on the calling thread
_FORMAT = {"bool": "?7x", "int8": "b7x", "uint8": "B7x", "int16": "h6x", "uint16": "H6x", "int32": "i4x", "uint32": "I4x", "int64": "q",
           "uint64": "Q", "float16": "e6x", "bfloat16": "H6x", "float32": "f4x", "float64": "d", "ptr": "Q"}  # fmt: skip


def block_format(types: list[T.ScalarType]) -> str:
    """Layout of the argument block for `struct`: 4 launch extents, the error record, then scalars, 8 bytes each."""
    return "<" + "q" * 4 + "Q" + "".join(_FORMAT[t.name] for t in types)


class Code:
    """Machine code of a kernel's IR, with its argument block and launch properties."""

    def __init__(
        self, function: ir.Function, arity: int, aliased: bool = False, independent: bool = True, lanes: int = 0
    ):
        self.function, self.arity, self.aliased = function, arity, aliased
        self.lanes = lanes
        self.module, self.text = self._emit(independent)
        self.alias_sensitive = self.module.alias_sensitive
        self.format = block_format([p.type for p in function.params[4:]])
        cost = self.module.size * (
            0.15 if self.module.parallel and not self.module.has_loops else 0.6 if not self.module.has_loops else 4.0
        )
        self.grain = max(self.lanes or 32, int(8000.0 / max(cost, 1.0)))  # about 8 microseconds of work a chunk
        if self.module.has_prints:
            self.grain = SERIAL
        data = jit.compile_text(self.text, pack=self.module.packs)
        libraries = [native_code.library(n) for n in self.module.natives]
        self.code = jit.load_object(data, ["kernel"], {x.symbol: x.address for x in libraries})
        self.address = self.code["kernel"]
        self.size = struct.calcsize(self.format)
        self.errors = (ctypes.c_int64 * 4)() if self.module.checks else None
        #: whether `after_launch` has something to do
        self.observed = self.errors is not None or self.module.has_prints
        self.error_address = ctypes.addressof(self.errors) if self.errors is not None else 0
        #: argument block of a launch, from four extents, the address for errors and the scalars of the arguments
        self.block = struct.Struct(self.format).pack
        if self.lanes:
            self.block = functools.partial(_block_of_lanes, self.block, self.lanes, max(arity, 1) - 1)

    def _emit(self, independent: bool) -> tuple[emit_llvm.Module, str]:
        """The LLVM module and its text: in lock-step lanes if asked for and possible."""
        if self.lanes:
            try:
                module = LaneModule(self.function, self.arity, self.lanes)
                return module, module.text()
            except NotInLanes:
                self.lanes = 0
        module = emit_llvm.Module(self.function, self.arity, self.aliased, independent)
        return module, module.text()

    def new_block(self) -> tuple[Any, Any, int]:
        """An empty argument block, a job that points to it, and the address of the job."""
        block = ctypes.create_string_buffer(self.size)
        job = (ctypes.c_int64 * 4)(self.address, ctypes.addressof(block), 0, self.grain)
        return block, job, ctypes.addressof(job)

    def current_grain(self) -> int:
        return SERIAL if config.deterministic and self.module.has_float_atomics else self.grain

    def before_launch(self) -> None:
        """What Python printed so far comes before what the launch prints."""
        if self.module.has_prints:
            sys.stdout.flush()

    def after_launch(self) -> None:
        """Passes on what the launch left behind: printed text, failed checks."""
        if self.module.has_prints:
            _flush_c_output()
        if self.errors is not None:
            self.raise_failed_check()

    def raise_failed_check(self) -> None:
        """Raises KernelAssertionError if a check failed since the last call."""
        code, a, b = self.errors[0], self.errors[1], self.errors[2]
        if code:
            self.errors[0] = 0
            raise KernelAssertionError(self.module.checks[code - 1].replace("{0}", str(a)).replace("{1}", str(b)))


def _block_of_lanes(pack: Callable, lanes: int, innermost: int, *values: Any) -> bytes:
    """The argument block of a launch in lock-step lanes, whose groups must be whole."""
    if values[innermost] % lanes:
        raise LaunchError(
            f"innermost launch dim {values[innermost]}; a kernel made with lanes={lanes} expects a multiple of that"
        )
    return pack(*values)


@functools.cache
def _c_flush() -> Callable:
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(jit.llvm.address_of_symbol("fflush"))


def _flush_c_output() -> None:
    """Writes out what kernels printed, so that it keeps its order with what Python prints."""
    _c_flush()(None)


class Variant(Code):
    """A kernel compiled for the types and layout of its arguments."""

    def __init__(self, kernel: Kernel, types: list[Any], layout: Layout, debug: bool, aliased: bool = False):
        self.types, self.layout = types, layout
        function, arity = kernel.lower(types, layout, debug)
        super().__init__(function, arity, aliased, lanes=int(kernel.options.get("lanes", 0)))


class Kernel:
    """A kernel made by `@kernel`; compiled when first launched, once for each set of argument types.

    `ir()`, `llvm()` print what it compiled to.
    """

    def __init__(
        self, func: Callable, key: str | None = None, module: Any = None, options: dict[str, Any] | None = None
    ):
        self.function = self.func = func
        self.__name__, self.__doc__, self.__module__ = func.__name__, func.__doc__, func.__module__
        self.key = key or func.__qualname__
        self.options = dict(options or {})
        #: Concrete forms declared with `overload`, by the names of their argument types.
        self.overloads: dict[tuple[str, ...], Kernel] = {}
        #: The generic kernel that this one is an overload of.
        self.generic: Kernel | None = None
        self._source: Source | None = None
        self._epoch = definitions.epoch
        self._variants: dict[Any, Variant] = {}
        self._seen: dict[tuple, Variant] = {}
        self._parameters: list[tuple[str, Any]] | None = None
        if isinstance(module, str):
            module = get_module(f"{func.__module__}.{self.key}" if module == "unique" else module)
        self.module = module or get_module(func.__module__)
        self.module.add(self)

    def __call__(self, *args, **kw):
        raise EngineError(
            f"kernel '{self.__name__}' was called; launch it: launch({self.__name__}, dim=n, inputs=[...])"
        )

    @property
    def source(self) -> Source:
        if self._source is None:
            self._source = Source(self.function)
        return self._source

    @property
    def parameters(self) -> list[tuple[str, Any]]:
        """Names and types of the arguments; Any where the launch decides."""
        if self._parameters is None:
            hints = self.source.annotations()
            out = []
            for p in inspect.signature(self.function).parameters.values():
                node = self.source.parameter(p.name)
                if p.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
                    raise self.source.error(f"kernel '{self.__name__}' needs a fixed list of arguments", node)
                if p.name not in hints:
                    example = f"write {p.name}: float or {p.name}: array(dtype=vec3)"
                    raise self.source.error(
                        f"argument '{p.name}' of kernel '{self.__name__}' has no type; {example}", node
                    )
                t = T.as_type(hints[p.name])
                if not T.is_generic(t) and not hasattr(t, "kind"):
                    raise self.source.error(
                        f"argument '{p.name}' has type {T.type_name(t)}; "
                        "expected a kernel type such as float, vec3 or array(dtype=float)",
                        node,
                    )
                out.append((p.name, t))
            self._parameters = out
        return self._parameters

    @functools.cached_property
    def _plan(self) -> list[tuple[str, Any, bool]]:
        return [(name, t, T.is_generic(t)) for name, t in self.parameters]

    @property
    def is_generic(self) -> bool:
        """Whether the launch decides some of the argument types."""
        return any(T.is_generic(t) for _, t in self.parameters)

    def add_overload(self, types: Sequence[Any] | dict[str, Any]) -> Kernel:
        """A kernel of its own for the given argument types (a list, or by argument name); raises EngineError."""
        names = [name for name, _ in self.parameters]
        given = dict(types) if isinstance(types, dict) else dict(zip(names, types))
        if set(given) - set(names) or (not isinstance(types, dict) and len(types) != len(names)):
            raise EngineError(
                f"overload: got types for {', '.join(map(str, types))}; '{self.key}' takes {', '.join(names)}"
            )
        wanted = []
        for name, pattern in self.parameters:
            t = T.as_type(given.get(name, pattern))
            if T.is_generic(t):
                raise EngineError(f"overload of '{self.key}': argument '{name}' needs a concrete type")
            if not T.fits(pattern, t):
                raise EngineError(
                    f"overload of '{self.key}': '{name}' got {T.type_name(t)}; expected {T.type_name(pattern)}"
                )
            wanted.append((name, t))
        signature = tuple(T.type_name(t) for _, t in wanted)
        found = self.overloads.get(signature)
        if found is None:
            found = Kernel(self.function, self.key, self.module, self.options)
            found._parameters, found._variants, found.generic = wanted, self._variants, self
            self.overloads[signature] = found
        return found

    def compile_ahead(self) -> None:
        """Compiles the kernel if its argument types are known; what does not compile reports when launched."""
        try:
            if not self.is_generic:
                self.variant([t for _, t in self.parameters])
        except EngineError:
            pass

    def forget(self) -> None:
        """Drops compiled code, so that the next launch reads the source and the values it captures again."""
        self._variants.clear()
        for kernel in (self, *self.overloads.values()):
            kernel._seen.clear()
        self._source = None

    def _look_again(self) -> None:
        """Forgets compiled code if a function that it was made from has been defined anew under its name."""
        self._epoch = definitions.epoch
        made = [v.function for v in self._variants.values()]
        if any(map(definitions.is_outdated, made)):
            for function in (f for each in made for f in definitions.used_by(each)):
                function.forget()
            self.forget()

    def lower(self, types: list[Any], layout: Layout, debug: bool) -> tuple[ir.Function, int]:
        """IR of the kernel for argument types and layout; returns it and how many thread indices it uses."""
        tids = [ir.Param(f"tid{d}", T.int32) for d in range(4)]
        params, arguments = list(tids), {}
        unroll = self.options.get("max_unroll", self.module.options["max_unroll"])
        compiler = Compiler(self.source, call_function, debug, returns=None, max_unroll=unroll)
        dense: list[tuple[Val, ArrayType, int | None]] = []
        for k, ((name, _), t) in enumerate(zip(self.parameters, types)):
            p, arguments[name] = parameter(name, t)
            params += p
            if layout is not None and type(t) is ArrayType:
                dense.append((arguments[name], t, dict(layout).get(k)))
        compiler.tid_params = tids
        compiler.prologue = lambda: [_dense_strides(compiler.b, *each) for each in dense]
        compiled, _ = compiler.compile(self.__name__, params, arguments)
        ir.finish(compiled, check=config.verify_ir)
        return compiled, compiler.tid_arity

    def variant(
        self, types: list[Any], layout: Layout = (), aliased: bool = False, device: Device | None = None
    ) -> Any:
        """The compiled form for argument types and layout, `aliased` if arrays that share memory matter to it."""
        debug = config.mode == "debug"
        on_cuda = device is not None and device.is_cuda
        where = device.ordinal if on_cuda else -1
        key = (tuple(t if isinstance(t, ArrayType) else id(t) for t in types), layout, debug, aliased, where)
        found = self._variants.get(key)
        if found is None:
            with _compile_lock:
                found = self._variants.get(key)
                if found is None:
                    import time

                    start = time.perf_counter()
                    if on_cuda:
                        from engine.cuda.variant import CudaVariant

                        found = CudaVariant(self, types, layout, debug, device)
                    else:
                        found = Variant(self, types, layout, debug, aliased)
                    self._variants[key] = found
                    if config.verbose:
                        print(
                            f"compiled {self.__name__} in {1e3 * (time.perf_counter() - start):.1f} ms ({found.module.size} instructions)"
                        )
        return found

    def _concrete_types(self) -> list[Any]:
        for name, t in self.parameters:
            if T.is_generic(t):
                raise EngineError(f"kernel '{self.__name__}' is generic in '{name}'; launch it once, then print")
        return [t for _, t in self.parameters]

    def _any_variant(self) -> Variant:
        ready = [v for v in self._variants.values() if isinstance(v, Variant)]
        if ready:
            return ready[0]
        any_form = next(iter(self._variants.values()), None)
        return self.variant(any_form.types if any_form else self._concrete_types())

    def cuda(self) -> str:
        """The kernel's CUDA C++ text (needs neither GPU nor driver)."""
        from engine.cuda.emit_cuda import Source as CudaSource

        form = self._any_variant()
        return CudaSource(form.function, form.arity).text()

    def ptx(self, arch: int = 75) -> str:
        """The kernel's PTX for compute capability `arch` (needs NVRTC, no GPU)."""
        from engine.cuda.nvrtc import compile_text

        return compile_text(self.cuda(), f"compute_{arch}", self.__name__).decode(errors="replace").rstrip("\0")

    def ir(self) -> str:
        """The kernel's intermediate representation as text."""
        return str(self._any_variant().function)

    def llvm(self, optimised: bool = False) -> str:
        """The kernel's LLVM assembly, before or after optimisation."""
        form = self._any_variant()
        return str(jit.optimise(form.text, pack=form.module.packs)) if optimised else form.text

    # launching -------------------------------------------------------------------------------------------------
    def pack(self, args: Sequence[Any], device: Device | None = None) -> tuple[Any, list]:
        """The variant that fits the arguments on `device` (None: the current one), and their scalars in order."""
        device = device or get_device()
        if self._epoch != definitions.epoch:
            self._look_again()
        key, values = [config.mode, device.ordinal], []
        for a in args:
            kind = type(a)
            if kind is array:
                key.append(a._layout)
                values += a._slots
            elif kind is float or (kind is int and -_INT_LIMIT <= a < _INT_LIMIT):
                key.append(kind)
                values.append(a)
            else:
                return self._fit(args, device)
        key = tuple(key)
        variant = self._seen.get(key)
        if variant is not None and not (variant.alias_sensitive and _share_memory(args)):
            return variant, values
        variant, values = self._fit(args, device)
        # numbers that reach the kernel as they are: launches like this one need no second look
        if not variant.aliased and all(
            type(a) is array or t.is_float or (type(a) is int and t in (T.int32, T.int64))
            for a, t in zip(args, variant.types)
        ):
            self._seen[key] = variant
        return variant, values

    def _fit(self, args: Sequence[Any], device: Device) -> tuple[Any, list]:
        """`pack` with every check and conversion; raises LaunchError where an argument does not fit."""
        parameters = self.parameters
        if len(args) != len(parameters):
            names = ", ".join(n for n, _ in parameters)
            raise LaunchError(
                f"kernel '{self.__name__}' got {len(args)} arguments; expected {len(parameters)}: {names}"
            )
        args = self.adopt(args)
        values: list = []
        types: list = []
        contiguous, rows = True, ()
        for k, ((name, t, generic), a) in enumerate(zip(self._plan, args)):
            if type(a) is array:
                if generic:
                    pattern, t = t, ArrayType(a.dtype, a.ndim)
                    if not T.fits(pattern, t):
                        self._refuse(name, pattern, a)
                elif type(t) is not ArrayType or a.dtype is not t.dtype or a.ndim != t.ndim:
                    self._refuse(name, t, a)
                if a.device is not device:
                    raise LaunchError(
                        f"kernel '{self.__name__}': argument '{name}' lives on {a.device}, the launch runs on {device}; "
                        f"copy it with .to('{device}') or launch with device='{a.device}'"
                    )
                contiguous = contiguous and a.is_contiguous
                if a._row:
                    rows += ((k, a._row),)
                values += a._slots
            elif type(a) is indexedarray:
                pattern, t = t, IndexedArrayType(a.dtype, a.ndim)
                if not T.fits(pattern, t) or a.device is not device:
                    self._refuse(name, pattern, a)
                values += a._slots
            else:
                t = self._plain(name, t, a, values)
            types.append(t)
        layout = rows if contiguous else None
        variant = self.variant(types, layout, device=device)
        if variant.alias_sensitive and _share_memory(args):
            variant = self.variant(types, layout, aliased=True)
        return variant, values

    def adopt(self, args: Sequence[Any]) -> list[Any]:
        """The arguments, with arrays of ours over the memory of those of other libraries."""
        return [self._adopted(name, t, a) for (name, t), a in zip(self.parameters, args)]

    def _adopted(self, name: str, t: Any, a: Any) -> Any:
        if type(a) is array or type(a) is indexedarray or getattr(t, "kind", None) != "array":
            return a
        try:
            found = adopt(a, None if T.is_generic(t) else t.dtype)
            return a if found is None else found
        except EngineError as error:
            raise LaunchError(f"kernel '{self.__name__}': argument '{name}': {error}") from None

    def _plain(self, name: str, t: Any, a: Any, values: list) -> Any:
        """Appends the scalars of a non-array argument; returns its type."""
        if T.is_generic(t):
            pattern, t = t, type_of_value(a)
            if t is None or not T.fits(pattern, t):
                raise LaunchError(
                    f"kernel '{self.__name__}': argument '{name}' got {type(a).__name__}; expected a number, vector, struct or array"
                )
        kind = t.kind
        if kind == "scalar":
            if isinstance(a, np.ndarray):
                self._refuse(name, t, a)
            if isinstance(a, (bool, int, float, np.generic)) or hasattr(a, "__index__"):
                values.append(self._number(name, t, a))
                return t
            if t.is_float and hasattr(a, "__float__") and not isinstance(a, array):
                values += packed(t, [float(a)])
                return t
        elif kind == "array":
            if a is None:
                values += (0,) * t.count
                return t
        elif kind == "struct":
            if getattr(type(a), "__engine_struct__", None) is t:
                values += t.flatten(a)
                return t
        elif isinstance(a, t):
            values += packed(t.scalar, a._values)
            return t
        elif isinstance(a, (tuple, list, np.ndarray)) or isinstance(a, T.Composite):
            try:
                values += packed(t.scalar, t(*np.ravel(np.asarray(a)).tolist())._values)
                return t
            except (ValueError, TypeError):
                pass
        self._refuse(name, t, a)

    def _number(self, name: str, t: T.ScalarType, a: Any) -> Any:
        if t.is_float:
            return packed(t, [float(a)])[0]
        if t.is_bool:
            return bool(a)
        if isinstance(a, (float, np.floating)) and not float(a).is_integer():
            self._refuse(name, t, a)
        whole = int(a)
        if not t.low <= whole <= t.high:
            raise LaunchError(f"kernel '{self.__name__}': argument '{name}' got {whole}, which does not fit {t.name}")
        return ir.wrap(whole, t)

    def _refuse(self, name: str, t: Any, a: Any) -> None:
        got = (
            T.type_name(type_of_value(a)) if isinstance(a, (array, indexedarray)) else f"{type(a).__name__} {a!r}"[:80]
        )
        raise LaunchError(f"kernel '{self.__name__}': argument '{name}' got {got}; expected {T.type_name(t)}")


def _share_memory(args: Sequence[Any]) -> bool:
    """Whether any two arrays overlap (by the bounds of their memory)."""
    spans = sorted(
        [a._span for a in args if type(a) is array] + [a.data._span for a in args if type(a) is indexedarray]
    )
    return any(second[0] < first[1] for first, second in itertools.pairwise(spans))


def _dense_strides(b: ir.Builder, v: Val, t: ArrayType, row: int | None) -> None:
    """Replaces the strides of a contiguous array by what its shape says, so that the optimiser sees them."""
    if row is not None:
        v.comps[t.ndim] = b.const(row, T.int64)
    step = b.const(t.dtype.size, T.int64)
    for d in range(t.ndim - 1, -1, -1):
        v.comps[1 + t.ndim + d] = step
        if d:
            step = b.op("mul", step, v.comps[1 + d])


_compile_lock = threading.RLock()


def _renew_lock() -> None:
    # a thread that does not exist after fork() may have held it
    global _compile_lock
    _compile_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def kernel(
    func: Callable | None = None,
    *,
    enable_backward: bool | None = None,
    module: Any = None,
    name: str | None = None,
    module_options: dict[str, Any] | None = None,
    **options: Any,
):
    """Decorator: makes an annotated Python function a kernel.

    Args:
        enable_backward: kept with the options of the kernel. Adjoints are compiled when a tape asks for them, so there
            is nothing to save by False, and a tape differentiates the kernel all the same.
        module: module that the kernel belongs to, a name, or "unique" for one of its own.
        name: key of the kernel; the function's qualified name by default.
        module_options: options of that module for this kernel, such as `{"max_unroll": 4}`.
        options: Further ones. `lanes=16`: on the CPU, 16 neighbouring threads are one vector even through loops, where
            those are the same for all of them; the innermost launch dimension must then be a multiple of 16.
    """
    options |= module_options or {}
    if enable_backward is not None:
        options["enable_backward"] = enable_backward

    def make(f: Callable) -> Kernel:
        return Kernel(f, key=name, module=module, options=options)

    return make if func is None else make(func)


def overload(kernel: Any, types: Any = None) -> Any:
    """Declares a concrete form of a generic kernel: `overload(k, [types])`, `overload(k, {"arg": type})`.

    As a decorator of an annotated stub of the same name it returns the generic kernel, else the concrete one.
    Raises EngineError where the kernel is not found or the types do not fit.
    """
    if isinstance(kernel, Kernel):
        if types is None:
            raise EngineError(
                f"overload: '{kernel.key}' needs its argument types, e.g. overload(k, [array(dtype=float)])"
            )
        return kernel.add_overload(types)
    hints = dict(inspect.get_annotations(kernel, eval_str=True))
    if hints.pop("return", None) not in (None, type(None)):
        raise TypeError(
            f"overload of '{kernel.__name__}': got a return annotation; a stub declares argument types only, remove it"
        )
    generic = find_kernel(kernel.__module__, kernel.__qualname__)
    generic.add_overload([hints.get(p, Any) for p in inspect.signature(kernel).parameters])
    return generic
