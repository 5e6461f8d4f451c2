"""LLVM assembly → machine code in this process, through the disk cache."""

from __future__ import annotations

import functools
import os
import sys
import threading
import weakref

import llvmlite.binding as llvm
from llvmlite.binding.newpassmanagers import NewPassManager

from engine import cache
from engine.once import made_once

_VERSION = "4"
_lock = threading.RLock()


def _renew_lock() -> None:
    # a thread that does not exist after fork() may have held it
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@made_once
def _machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=_features(), opt=3, reloc="pic", codemodel="default", jit=True
    )


@functools.cache
def _features() -> str:
    return llvm.get_host_cpu_features().flatten()


@functools.cache
def has_fma() -> bool:
    """Whether the machine has fused multiply-add."""
    return not llvm.get_host_cpu_name().startswith(("i386", "i686")) and (
        llvm.get_host_cpu_features().get("fma", False) or "x86" not in llvm.get_default_triple()
    )


def target_key() -> str:
    """Everything besides the text that decides what machine code comes out."""
    return f"{_VERSION} {llvm.llvm_version_info} {llvm.get_host_cpu_name()} {_features()}"


def optimise(text: str, level: int = 3, pack: bool = False) -> llvm.ModuleRef:
    """The optimised module of `text`; `pack` combines equal scalar operations on neighbouring data into SIMD ones.

    Packing takes time with the square of a module's size, and gains only where data lie side by side.
    """
    module = llvm.parse_assembly(text)
    module.triple = llvm.get_default_triple()
    module.data_layout = str(_machine().target_data)
    tuning = llvm.create_pipeline_tuning_options(speed_level=level)
    tuning.loop_vectorization = True
    tuning.slp_vectorization = pack
    tuning.loop_unrolling = True
    builder = llvm.create_pass_builder(_machine(), tuning)
    passes = builder.getModulePassManager()
    passes.run(module, builder)
    NewPassManager._dispose(passes)  # llvmlite's own class order hides this method: 75 KB would stay behind each time
    return module


def compile_text(text: str, level: int = 3, pack: bool = False) -> bytes:
    """Object code for `text`, from the cache if it is there."""
    name = cache.key(target_key(), str(level), str(pack), text) + ".o"
    data = cache.read(name)
    if data is None:
        with _lock:
            data = _machine().emit_object(optimise(text, level, pack))
        cache.write(name, data)
    return data


class Code:
    """Loaded object code: maps names of symbols to addresses. The code is unloaded when this dies."""

    def __init__(self, session: _Session, data: bytes, symbols: list[str], known: dict[str, int]):
        self.session = session
        self.tracker = session.link(data, symbols, known)

    def __getitem__(self, symbol: str) -> int:
        return self.tracker[symbol]

    def __del__(self) -> None:
        tracker = getattr(self, "tracker", None)
        if tracker is not None and sys is not None and not sys.is_finalizing():  # the process takes all code with it
            tracker.close()  # before its session


class _Session:
    """A linker for a few pieces of code. It keeps 9 KB for each, even if unloaded, until it dies with the last."""

    most = 16

    def __init__(self) -> None:
        # The newer linker keeps the sections of a piece together. The older one puts data too far from code to reach where
        # other libraries (CUDA, JAX, OpenGL) have taken the address space in between, and the process aborts.
        self.linker = llvm.create_lljit_compiler(_machine(), use_jit_link=True, suppress_errors=True)
        self.count = 0

    def link(self, data: bytes, symbols: list[str], known: dict[str, int]) -> llvm.ResourceTracker:
        self.count += 1
        library = llvm.JITLibraryBuilder().add_object_img(data).add_current_process()
        for name, address in known.items():
            library.import_symbol(name, address)
        for s in symbols:
            library.export_symbol(s)
        return library.link(self.linker, f"code{self.count}")


_newest: weakref.WeakSet[_Session] = weakref.WeakSet()  # at most one; only code keeps its session


def load_object(data: bytes, symbols: list[str], known: dict[str, int] | None = None) -> Code:
    """Loads object code, which may use the `known` addresses; returns a mapping from `symbols` to addresses."""
    with _lock:
        session = next(iter(_newest), None)
        if session is None or session.count >= session.most:
            session = _Session()
            _newest.clear()
            _newest.add(session)
        return Code(session, data, symbols, known or {})
