"""CUDA C++ text → machine code through NVRTC, with the disk cache in front. Needs no GPU."""

from __future__ import annotations

import ctypes
import glob
import importlib.util
import os
import sys

from engine import cache
from engine.errors import EngineError
from engine.once import made_once

_VERSION = "1"


class Nvrtc:
    """The few functions of the NVRTC library that we call."""

    def __init__(self, library: ctypes.CDLL):
        self.library = library
        major, minor = ctypes.c_int(), ctypes.c_int()
        library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        self.version = (major.value, minor.value)
        library.nvrtcGetErrorString.restype = ctypes.c_char_p

    def compile(self, text: str, arch: str, name: str) -> bytes:
        """Machine code (cubin) for `arch` such as "sm_90"; raises EngineError with NVRTC's log."""
        lib, program = self.library, ctypes.c_void_p()
        self._check(lib.nvrtcCreateProgram(ctypes.byref(program), text.encode(), f"{name}.cu".encode(), 0, None, None))
        try:
            options = [f"--gpu-architecture={arch}", "--std=c++17", "--disable-warnings"]
            packed = (ctypes.c_char_p * len(options))(*(o.encode() for o in options))
            if lib.nvrtcCompileProgram(program, len(options), packed):
                raise EngineError(f"NVRTC refused the code of '{name}' (a bug of the compiler):\n{self._log(program)}")
            size = ctypes.c_size_t()
            what = "CUBIN" if arch.startswith("sm_") else "PTX"
            self._check(getattr(lib, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
            data = ctypes.create_string_buffer(size.value)
            self._check(getattr(lib, f"nvrtcGet{what}")(program, data))
            return data.raw
        finally:
            lib.nvrtcDestroyProgram(ctypes.byref(program))

    def _log(self, program) -> str:
        size = ctypes.c_size_t()
        self.library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        self.library.nvrtcGetProgramLog(program, log)
        return log.value.decode(errors="replace")

    def _check(self, code: int) -> None:
        if code:
            raise EngineError(f"NVRTC: {self.library.nvrtcGetErrorString(code).decode()}")


@made_once
def nvrtc() -> Nvrtc:
    """The NVRTC library from its wheel or the system; raises EngineError saying how to get it."""
    names = (
        ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"]
        if sys.platform != "win32"
        else ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"]
    )
    places: list[str] = []
    for package in ("nvidia.cu13", "nvidia.cuda_nvrtc"):
        try:
            spec = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            spec = None
        for root in spec.submodule_search_locations if spec and spec.submodule_search_locations else []:
            places += glob.glob(os.path.join(root, "lib", "libnvrtc.so*")) + glob.glob(
                os.path.join(root, "bin", "**", "nvrtc64*.dll"), recursive=True
            )
    for place in [p for p in places if "builtins" not in p and ".alt." not in p] + names:
        try:
            return Nvrtc(ctypes.CDLL(place))
        except OSError:
            continue
    raise EngineError('NVRTC is not installed; pip install "simrun[cuda]" brings it, no CUDA toolkit is needed')


def compile_text(text: str, arch: str, name: str) -> bytes:
    """Machine code for `text`, from the cache if it is there."""
    key = cache.key("cuda", _VERSION, str(nvrtc().version), arch, text) + ".cubin"
    data = cache.read(key)
    if data is None:
        data = nvrtc().compile(text, arch, name)
        cache.write(key, data)
    return data
