"""Graphs as drawings."""

from __future__ import annotations

from typing import Any

from engine.errors import EngineError


def capture_debug_dot_print(graph: Any, path: str, verbose: bool = False) -> None:
    """Writes a CUDA graph as a drawing in the DOT language of Graphviz."""
    from engine.cuda.driver import binding, call

    if getattr(graph, "template", None) is None:
        raise EngineError("capture_debug_dot_print: expected the graph of a finished capture on a CUDA device")
    flags = binding().CUgraphDebugDot_flags.CU_GRAPH_DEBUG_DOT_FLAGS_VERBOSE
    call("cuGraphDebugDotPrint", graph.template, str(path).encode(), int(flags) if verbose else 0)
