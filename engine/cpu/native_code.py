"""Native code for the CPU: text → shared library through a C++ compiler of the system, kept in the disk cache."""

from __future__ import annotations

import ctypes
import functools
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from engine import cache
from engine.errors import EngineError
from engine.lang import ir
from engine.native import header

_NAMES = ("c++", "g++", "clang++")
_FLAGS = ("-std=c++17", "-O3", "-fPIC", "-shared", "-w", "-ffp-contract=off")
_lock = threading.RLock()


class Library:
    """One piece of native code in memory, for the life of the process."""

    def __init__(self, symbol: str, loaded: ctypes.CDLL):
        self.symbol, self.loaded = symbol, loaded
        self.address = ctypes.cast(getattr(loaded, symbol), ctypes.c_void_p).value


def compiler() -> list[str]:
    """The command of the system's C++ compiler: `$CXX`, else the first found; raises EngineError without one."""
    given = shlex.split(os.environ.get("CXX", ""))
    found = next(filter(None, map(shutil.which, given[:1] or _NAMES)), None)
    if found is None:
        looked = f"CXX={os.environ['CXX']}" if given else ", ".join(_NAMES)
        raise EngineError(
            f"func_native on the CPU needs a C++ compiler, and there is none here (looked for {looked}); install g++ "
            "or clang, or set CXX to one, or run the kernel on a CUDA device"
        )
    return [found, *given[1:]]


@functools.cache
def _version(command: tuple[str, ...]) -> str:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]


_loaded: dict[str, Library] = {}


def library(code: ir.Native) -> Library:
    """The native code, compiled and loaded; raises EngineError with the compiler's words if it does not compile."""
    with _lock:
        found = _loaded.get(code.symbol)
        if found is None:
            found = _loaded[code.symbol] = _load(code)
        return found


def _load(code: ir.Native) -> Library:
    text = header.CPU + code.text
    command = compiler()
    # the place of the snippet, for messages, is no part of what is compiled
    key = cache.key("native", _version(tuple(command)), *command, *_FLAGS, header.CPU, code.symbol) + ".so"
    with tempfile.TemporaryDirectory(prefix="simrun_native_") as folder:
        target = Path(folder) / f"{code.symbol}.so"
        data = cache.read(key)
        if data is None:
            _compile(command, text, target, code)
            cache.write(key, target.read_bytes())
        else:
            target.write_bytes(data)
        keep = {"winmode": 0} if sys.platform == "win32" else {}
        return Library(code.symbol, ctypes.CDLL(str(target), **keep))


def _compile(command: list[str], text: str, target: Path, code: ir.Native) -> None:
    source = target.with_suffix(".cpp")
    source.write_text(text)
    done = subprocess.run(
        [*command, *_FLAGS, str(source), "-o", str(target)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = "\n".join(line for line in done.stderr.splitlines() if line.strip())[:3000]
        raise EngineError(f"{command[0]} refused the {code.where}:\n{said}")
