"""Measuring two programs side by side: alternate, take medians, report ratios."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable


def peer():
    """The peer (warp-lang 1.9.1), quiet; None where it is not installed."""
    try:
        import warp as wp
    except ImportError:
        return None
    wp.config.quiet = True
    wp.init()
    return wp


def alternate(tasks: dict[str, Callable[[], None]], repeats: int = 15, warmup: int = 3) -> dict[str, float]:
    """Median seconds of each task; the tasks take turns, so that both see the same machine."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for k in range(warmup + repeats):
        for name, run in tasks.items():
            start = time.perf_counter()
            run()
            if k >= warmup:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(t) for name, t in times.items()}


def row(work: str, unit: str, scale: float, medians: dict[str, float]) -> dict:
    """One line of the result table, printed and returned; ratio = peer / ours."""
    ours, theirs = medians.get("simrun"), medians.get("warp")
    out = {"work": work, "unit": unit, "simrun": ours * scale, "warp": theirs * scale if theirs else None}
    out["ratio"] = theirs / ours if theirs else None
    shown = f"{out['warp']:.4g}" if theirs else "-"
    ratio = f"{out['ratio']:.1f}x" if theirs else "-"
    print(f"{work:<58} {out['simrun']:>10.4g} {shown:>10} {unit:<8} {ratio:>7}", flush=True)
    return out


def save(rows: list[dict], path: str | None) -> None:
    if path:
        with open(path, "w") as file:
            json.dump(rows, file, indent=1)
