"""Modules: groups of kernels that share options. Kernels compile one by one when first launched, so a module is a name."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from engine import types as T
from engine.errors import EngineError
from engine.module_options import options_of

if TYPE_CHECKING:
    from engine.kernel import Kernel


class Module:
    """The kernels defined under one name (by default that of their Python module), and their options."""

    def __init__(self, name: str):
        self.name = name
        self.options: dict[str, Any] = options_of(name)
        self._kernels: list[weakref.ref] = []
        #: Generic kernels stay known to `overload` although a stub takes over their name.
        self._generic: dict[str, Kernel] = {}

    def add(self, kernel: Kernel) -> None:
        hints = getattr(kernel.function, "__annotations__", {}).values()
        if any(T.is_generic(h) for h in hints if not isinstance(h, str)):
            self._generic[kernel.key] = kernel
        self._kernels = [r for r in self._kernels if r() is not None]
        self._kernels.append(weakref.ref(kernel))

    @property
    def live_kernels(self) -> list[Kernel]:
        """Kernels that still exist, in the order of their definition."""
        return [k for r in self._kernels if (k := r()) is not None]

    def load(self, device: Any = None, block_dim: int | None = None) -> Module:
        """Compiles every kernel whose argument types are known; those that do not compile report when launched."""
        for kernel in self.live_kernels:
            kernel.compile_ahead()
        return self

    def unload(self) -> None:
        """Forgets compiled code; kernels compile again when next launched."""
        for kernel in self.live_kernels:
            kernel.forget()

    mark_modified = unload

    def __repr__(self) -> str:
        return f"Module('{self.name}')"


_modules: dict[str, Module] = {}


def get_module(name: str) -> Module:
    """The module of that name, made if it does not exist yet."""
    return _modules.setdefault(name, Module(name))


def find_kernel(module: str, qualname: str) -> Kernel:
    """The kernel made from the function of that name; raises EngineError if there is none or more than one."""
    found = [k for m in list(_modules.values()) for k in m.live_kernels
             if k.__module__ == module and k.function.__qualname__ == qualname and k.generic is None]  # fmt: skip
    keys = {k.key for k in found}
    if not found:
        raise EngineError(f"overload: no kernel '{qualname}' in module '{module}'; define the generic kernel first")
    if len(keys) > 1:
        raise EngineError(
            f"Ambiguous kernel lookup: '{qualname}' was made into kernels {', '.join(sorted(keys))}; "
            "use overload(kernel, [types]) with the kernel itself"
        )
    return found[-1]


def _named(module: Any) -> list[Module]:
    if module is None:
        return list(_modules.values())
    return [module if isinstance(module, Module) else get_module(getattr(module, "__name__", module))]


def force_load(device: Any = None, modules: Any = None, block_dim: int | None = None, **_: Any) -> None:
    """Compiles ahead of time every kernel with known argument types, in all modules or those given."""
    for m in [x for each in (modules or [None]) for x in _named(each)]:
        m.load(device)


def load_module(module: Any = None, device: Any = None, recursive: bool = False, **_: Any) -> None:
    """Compiles ahead of time the kernels of one module with known argument types."""
    for m in _named(module):
        m.load(device)


def _caller(module: Any) -> Module:
    if module is not None:
        return _named(module)[0]
    import sys

    return get_module(sys._getframe(2).f_globals.get("__name__", "__main__"))


def set_module_options(options: dict[str, Any], module: Any = None) -> None:
    """Sets options of a module (by default the caller's); its kernels compile again."""
    found = _caller(module)
    found.options.update(options)
    found.unload()


def get_module_options(module: Any = None) -> dict[str, Any]:
    """Options of a module (by default the caller's)."""
    return _caller(module).options
