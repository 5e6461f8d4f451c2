"""CUDA graphs: what the driver records on a stream, nodes that decide, and what must live as long as a graph."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from typing import Any

from engine.capture import cuda_captures
from engine.cuda import nvrtc
from engine.cuda.driver import CudaError, binding, call, send_unsent
from engine.errors import EngineError
from engine.once import made_once
from engine.streams import Event, Stream
from engine.taping import onlookers

IF, WHILE = "CU_GRAPH_COND_TYPE_IF", "CU_GRAPH_COND_TYPE_WHILE"

#: The driver knows `cudaGraphSetConditional` when code is loaded; no library has it.
_SETTER = r"""
extern "C" __device__ void cudaGraphSetConditional(unsigned long long handle, unsigned int value);
struct Args { unsigned long long handle; const int* condition; long long wanted; };
extern "C" __global__ void set_condition(const Args args) {
  cudaGraphSetConditional(args.handle, (*args.condition != 0) == (args.wanted != 0) ? 1u : 0u);
}
"""


class CudaGraph:
    """A CUDA graph and everything that its nodes touch; runs with `launch`, or as a part of another graph.

    Attributes:
        keep: what lives as long as the graph.
        checked: kernels whose checks are read after each run (debug mode).
    """

    def __init__(self, device: Any, stream: Stream, external: bool = False):
        self.device, self.stream, self.external = device, stream, external
        self.thread = threading.get_ident()
        self.keep: list[Any] = []
        self.checked: list[Any] = []
        self.template = self.executable = None
        #: launches that wait to become one, see `engine.cuda.sequence`
        self.sequence: Any = None
        self._ran_on: Any = None
        self._is_ended = False

    def begin(self, mode: str) -> CudaGraph:
        """Starts recording what is put on the stream; with `external` another library has done so."""
        self.device.start()
        if not self.external:
            event = Event(self.device)
            call("cuEventRecord", event.handle, self.stream.handle)
            call("cuStreamWaitEvent", self.device.side_stream, event.handle, 0)  # preparation comes after what is there
            call("cuStreamBeginCapture", self.stream.handle, getattr(binding().CUstreamCaptureMode, mode))
        self.device.captures.append(self)
        cuda_captures.append(self.device)
        onlookers.append(self)
        return self

    def end(self) -> CudaGraph:
        """Ends recording."""
        self.device.start()
        send_unsent()
        self.device.captures.remove(self)
        cuda_captures.remove(self.device)
        onlookers.remove(self)
        if not self.external:
            try:
                self.template = call("cuStreamEndCapture", self.stream.handle)
            except CudaError as error:
                raise CudaError(
                    f"the capture on {self.device} broke off: {error}; inside a capture nothing may wait for the device "
                    "(reading arrays, synchronize), and other streams must be joined by events"
                ) from error
            finally:
                self.device.flush_releases()
        self._is_ended = True
        return self

    def launch(self, stream: Stream | None = None) -> None:
        """Puts the whole graph on a stream of its device, by default the current one."""
        if not self._is_ended or self.external:
            raise EngineError("capture_launch: this graph's capture belongs to another library, or has not ended")
        device = self.device
        stream = stream or device.stream
        if device.captures:
            device.start()
            self.add_to(device.captures[-1], stream)
            return
        if self.executable is None:
            device.start()
            self.executable = call("cuGraphInstantiate", self.template, 0)
        device.call("cuGraphLaunch", int(self.executable), stream.cuda_stream)
        self._ran_on = stream
        for variant in self.checked:
            variant.after_launch()

    def add_to(self, outer: CudaGraph, stream: Stream) -> None:
        """Makes this graph a node of one that is being captured."""
        graph, *links, count = capture_state(stream)
        try:
            node = call("cuGraphAddChildGraphNode", graph, links[0], count, self.template)
        except CudaError as error:
            raise EngineError(
                f"a graph with decisions or allocations inside cannot be part of another graph ({error}); "
                "capture its launches again inside the outer one"
            ) from error
        _continue_after(stream, node, links)
        outer.keep.append(self)
        outer.checked += [v for v in self.checked if v not in outer.checked]

    def __del__(self) -> None:
        try:
            device = self.device
            if device.captures:
                device.deferred += [
                    (f, h) for f, h in (("cuGraphExecDestroy", self.executable), ("cuGraphDestroy", self.template)) if h
                ]
                return
            device.start()
            if self._ran_on is not None:
                call("cuStreamSynchronize", self._ran_on.handle)  # what it keeps may be in use
            if self.executable is not None:
                call("cuGraphExecDestroy", self.executable)
            if self.template is not None:
                call("cuGraphDestroy", self.template)
        except Exception:
            pass  # the driver is shutting down

    def decide(self, kind: str, condition: Any, wanted: bool, body: Callable | Any) -> None:
        """Adds a node that runs `body` if (or while) the number in `condition` is nonzero, or zero if not `wanted`.

        `body` is a function whose launches become the body, or a graph.
        """
        device, driver = self.device, binding()
        stream = device.stream
        graph, *_ = capture_state(stream)
        assign_default = 1  # CU_GRAPH_COND_ASSIGN_DEFAULT: every run starts from the default
        handle = call("cuGraphConditionalHandleCreate", graph, device.context, 0, assign_default)
        _set_condition(device, handle, condition, wanted, stream)
        parameters = driver.CUgraphNodeParams()
        parameters.type = driver.CUgraphNodeType.CU_GRAPH_NODE_TYPE_CONDITIONAL
        parameters.conditional.handle = handle
        parameters.conditional.type = getattr(driver.CUgraphConditionalNodeType, kind)
        parameters.conditional.size = 1
        parameters.conditional.ctx = device.context
        graph, *links, count = capture_state(stream)
        node = call("cuGraphAddNode", graph, *links, count, parameters)
        _continue_after(stream, node, links)
        self.keep.append(condition)
        inner = Stream(device)
        mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
        call("cuStreamBeginCaptureToGraph", inner.handle, parameters.conditional.phGraph_out[0], None, None, 0, mode)
        device.set_stream(inner)
        try:
            if isinstance(body, CudaGraph):
                body.add_to(self, inner)
            else:
                body()
            if kind == WHILE:
                _set_condition(device, handle, condition, wanted, inner)
        finally:
            device.set_stream(stream)
            call("cuStreamEndCapture", inner.handle)
        self.keep.append(inner)


def capture_state(stream: Stream) -> tuple[Any, ...]:
    """Of a stream that is being captured: the graph, its last nodes, their edges (since CUDA 12.3), how many."""
    status, _, *state = call("cuStreamGetCaptureInfo", stream.handle)
    if int(status) != 1:
        raise EngineError("the current stream is not being captured; join it to the capture by an event first")
    return tuple(state)


def _continue_after(stream: Stream, node: Any, links: list[Any]) -> None:
    replace = binding().CUstreamUpdateCaptureDependencies_flags.CU_STREAM_SET_CAPTURE_DEPENDENCIES
    no_edges = [None] * (len(links) - 1)
    call("cuStreamUpdateCaptureDependencies", stream.handle, [node], *no_edges, 1, int(replace))


@made_once
def _setter(device: Any) -> tuple[Any, int]:
    return device.load(nvrtc.compile_text(_SETTER, f"sm_{device.arch}", "set_condition"), "set_condition")


def _set_condition(device: Any, handle: Any, condition: Any, wanted: bool, stream: Stream) -> None:
    data = struct.pack("<QQq", int(handle), condition.ptr, int(wanted))
    device.launch(_setter(device)[1], 1, 1, data, stream)


def conditional_graphs_work() -> bool:
    """Whether the driver has nodes that decide (CUDA 12.4)."""
    try:
        return int(call("cuDriverGetVersion")) >= 12040 and hasattr(binding(), "cuGraphConditionalHandleCreate")
    except (EngineError, RuntimeError, OSError):
        return False
