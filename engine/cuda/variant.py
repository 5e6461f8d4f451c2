"""Machine code of a kernel's IR for CUDA: the counterpart of the CPU's `Code` and `Variant`."""

from __future__ import annotations

import struct
from typing import Any

from engine import config
from engine.cuda import emit_cuda, nvrtc, sequence
from engine.cuda.driver import CudaError, error_of
from engine.errors import KernelAssertionError
from engine.lang import ir

_MOST_KEPT = 64
_UNKNOWN = object()
_MOST_BLOCKS = 1 << 20  # threads stride over what is left
BLOCK = 256  # threads of a block unless a launch or the module says otherwise
WARP = 32


class CudaCode:
    """Machine code of a function of the IR for one GPU architecture, and how to launch it."""

    def __init__(self, function: ir.Function, arity: int, device: Any, name: str, block_dim: int = BLOCK):
        from engine.cpu.variant import block_format

        self.function, self.arity, self.device, self.name = function, arity, device, name
        self.aliased = self.alias_sensitive = False  # a GPU thread keeps the order of its own accesses
        self.module = emit_cuda.Source(self.function, self.arity)
        self.format = block_format([p.type for p in self.function.params[4:]])
        self.text = self.module.text()
        self.code = nvrtc.compile_text(self.text, f"sm_{device.arch}", name)
        if self.module.uses_tape:
            device.reserve_heap()
        self.loaded, self.entry = device.load(self.code, "kernel")
        self.size = struct.calcsize(self.format)
        self.block = struct.Struct(self.format).pack
        self.block_dim = block_dim
        #: Launches of fewer threads get smaller blocks, so that they reach every multiprocessor. Code of the user may rely
        #: on the size of its block.
        self.spread_below = 0 if self.module.natives or block_dim != BLOCK else BLOCK * device.sm_count
        self._ordered: Any = _UNKNOWN
        self._small_blocks: dict[int, int] = {}
        #: by number of threads, what the driver is told for launches that want nothing special
        self.plans: dict[int, tuple[int, int, int, int]] = {}
        self.errors: Any = None
        self.error_address = 0
        if self.module.checks:
            from engine import types as T
            from engine.array_making import zeros

            self.errors = zeros(4, dtype=T.int64, device=device)
            self.error_address = self.errors.ptr
        #: whether `after_launch` has something to do
        self.observed = self.module.has_prints or config.mode == "debug"
        #: a heap that overflowed is reported when the host next waits for the device: looking each time would cost more
        self.is_checked_later = self.errors is not None and not self.observed
        #: as many blocks as the heap is made for, where kernels take memory from it
        self.most_blocks = 2 * device.sm_count if self.module.uses_tape else _MOST_BLOCKS
        #: prints keep their order; sums of floats their bits in deterministic mode
        self.is_serial, self.has_float_atomics = self.module.has_prints, self.module.has_float_atomics

    def __del__(self) -> None:
        loaded = getattr(self, "loaded", None)
        if loaded is not None:
            try:
                self.device.release("cuModuleUnload", loaded)
            except Exception:
                pass  # the driver is shutting down

    def run(
        self, total: int, data: bytes, stream: Any = None, block_dim: int = 0, most: int = 0, serial: bool = False
    ) -> None:
        """Puts the kernel over `total` threads on a stream, or one thread that does their work in order if `serial`."""
        device = self.device
        if device.sequences and device.captures:
            is_ordered = serial or (config.deterministic and self.has_float_atomics)
            if sequence.joins(self, total, data, not (stream or block_dim or most or is_ordered)):
                return
        block = block_dim or self.block_dim
        if total < self.spread_below and not block_dim:
            block = self._small_blocks.get(total) or self._small_block(total)
        blocks = (total + block - 1) // block
        if blocks > (most or self.most_blocks):
            blocks = most or self.most_blocks
        if serial or self.is_serial or (config.deterministic and self.has_float_atomics):
            if not (serial or self.is_serial) and self._runs_ordered(total):
                self._ordered.run(total, data, stream, blocks, block)
                return
            blocks = block = 1
        enter = device.enter if not device.captures else device.enter_graph
        code = enter(device.table, self.entry, blocks, block, 0, (stream or device._stream).cuda_stream, data)
        if code:
            raise error_of(code, f"launching kernel '{self.name}' ({blocks} blocks of {block} threads)")
        if self.is_checked_later:
            device.unchecked.add(self)
        if total not in self.plans:
            self._keep_plan(total)

    def _runs_ordered(self, total: int) -> bool:
        """Whether sums can be done in thread order by many threads (release mode only: checks would be numbered anew)."""
        from engine.cuda.ordered import fits, ordered_form

        if self.observed or self.module.uses_tape:
            return False
        if self._ordered is _UNKNOWN:
            self._ordered = ordered_form(self.function, self.arity, self.device, self.name)
        return self._ordered is not None and fits(total, self._ordered.sites)

    def plan(self, total: int, block_dim: int, most: int) -> tuple[int, int, int, int] | None:
        """Function, blocks, threads of a block and shared memory for launches that always look like this one; None if
        they may not."""
        if self.observed or self.is_checked_later or self.is_serial:
            return None
        block = block_dim or (self.block_dim if total >= self.spread_below else self._small_block(total))
        return self.entry, min((total + block - 1) // block, most or self.most_blocks), block, 0

    @property
    def is_plain(self) -> bool:
        """Whether nothing has to be done before or after a launch, and the driver is a real one."""
        return not (self.observed or self.is_checked_later or self.is_serial) and self.device.table != 0

    def launch_facts(self) -> dict[str, int]:
        """What compiled code has to know to launch this, see `quick_launch_text.HEAD`."""
        blocks = {"block_dim": self.block_dim, "spread_below": self.spread_below, "most_blocks": self.most_blocks}
        return {"function": self.entry, "table": self.device.table, "sm_count": self.device.sm_count, **blocks}

    def _small_block(self, total: int) -> int:
        """Threads of a block for a launch that would not reach every multiprocessor."""
        block = self.block_dim
        while block > WARP and total < block * self.device.sm_count:
            block >>= 1
        if len(self._small_blocks) < _MOST_KEPT:
            self._small_blocks[total] = block
        return block

    def _keep_plan(self, total: int) -> None:
        """Notes how launches of this many threads look, if nothing has to be looked at each time."""
        plan = self.plan(total, 0, 0)
        if plan is not None and len(self.plans) < _MOST_KEPT:
            self.plans[total] = plan

    def after_launch(self) -> None:
        """Waits for the launch; passes on printed text and raises what a check found (debug mode)."""
        if self.device.captures:
            graph = self.device.captures[-1]
            # Text alone is no reason to wait for each run: the driver passes it on when somebody waits.
            if self.errors is not None and self not in graph.checked:
                graph.checked.append(self)
            return
        try:
            self.device.synchronize()
        except CudaError as error:
            raise CudaError(f"kernel '{self.name}' on {self.device}: {error}") from error
        self.raise_failed_check()

    def raise_failed_check(self) -> None:
        """Raises what a check found in launches that are finished."""
        if self.errors is None:
            return
        code, a, b, _ = self.errors.numpy()
        if code:
            self.errors.zero_()
            raise KernelAssertionError(self.module.checks[code - 1].replace("{0}", str(a)).replace("{1}", str(b)))


class CudaVariant(CudaCode):
    """A kernel compiled for the types and layout of its arguments."""

    def __init__(self, kernel: Any, types: list[Any], layout: Any, debug: bool, device: Any):
        self.types, self.layout = types, layout
        function, arity = kernel.lower(types, layout, debug)
        block_dim = int(kernel.options.get("block_dim") or kernel.module.options.get("block_dim") or BLOCK)
        super().__init__(function, arity, device, kernel.__name__, block_dim)
