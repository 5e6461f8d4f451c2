"""Kernels: what `@kernel` makes, and how it compiles for the types and layout of its arguments."""

from __future__ import annotations

import functools
import inspect
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

from engine import arguments, config
from engine import types as T
from engine.array_types import ArrayType
from engine.cpu import jit
from engine.cpu.variant import Variant
from engine.device import Device
from engine.errors import EngineError
from engine.function import call_function, parameter
from engine.lang import definitions, ir
from engine.lang.builder import Builder
from engine.lang.compiler import Compiler
from engine.lang.passes import finish
from engine.lang.source import Source
from engine.lang.values import Val
from engine.modules import find_kernel, get_module

#: What a variant knows of its arrays: None if any is strided, else (argument, row length) of those with short rows.
Layout = tuple[tuple[int, int], ...] | None


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
        #: when it was last looked whether its functions mean the same, see `definitions`
        self.epoch = definitions.epoch
        self._variants: dict[Any, Variant] = {}
        #: forms by what a launch sees first of its arguments
        self.seen: dict[tuple, Variant] = {}
        #: what plain launches follow, see `engine.quick_launch`
        self.recipes: tuple[tuple, ...] = ()
        self.recipe_failures = 0
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
    def patterns(self) -> list[tuple[str, Any, bool]]:
        """Names and types of the arguments, and whether the launch decides the type."""
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
            kernel.seen.clear()
            kernel.recipes, kernel.recipe_failures = (), 0
        self._source = None

    def look_again(self) -> None:
        """Forgets compiled code if a function that it was made from has been defined anew under its name."""
        self.epoch = definitions.epoch
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
        finish(compiled, check=config.verify_ir)
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
        return arguments.pack(self, args, device)

    def adopt(self, args: Sequence[Any]) -> list[Any]:
        """The arguments, with arrays of ours over the memory of those of other libraries."""
        return arguments.adopt(self, args)


def _dense_strides(b: Builder, v: Val, t: ArrayType, row: int | None) -> None:
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
