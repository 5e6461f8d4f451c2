"""Draws the scaling of `gpu_sim.py --json FILE`: `python benchmarks/gpu_plot.py FILE docs/gpu_scaling.png` (needs matplotlib)."""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def main() -> None:
    source, target = sys.argv[1:]
    rows = json.load(open(source))
    device = next(r["name"] for r in rows if r["work"] == "device")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    sizes = [r for r in rows if r["work"] == "size" and "ms" in r]
    n, ms = [r["particles"] for r in sizes], [r["ms"] for r in sizes]
    left.loglog(n, ms, "o-", label="measured")
    last = ms[-1] / n[-1]
    left.loglog(n, [last * k for k in n], "--", color="gray", label="linear through the largest")
    left.set(xlabel="particles", ylabel="ms a frame (8 substeps)", title="One semi-implicit cloth")
    for solver in dict.fromkeys(r["solver"] for r in rows if r["work"] == "scenes" and "solver" in r):
        few = [r for r in rows if r["work"] == "scenes" and r.get("solver") == solver]
        right.loglog([r["scenes"] for r in few], [r["ms"] for r in few], "o-", label=solver)
    right.loglog(
        [r["scenes"] for r in few],
        [few[-1]["us"] * 1e-3 * r["scenes"] for r in few],
        "--",
        color="gray",
        label="linear",
    )
    right.set(xlabel="scenes", ylabel="ms a frame (8 substeps)", title="Copies: 81 particles, or four rigid bodies")
    for axes in (left, right):
        axes.grid(True, which="both", alpha=0.3)
        axes.legend()
    figure.suptitle(device)
    figure.tight_layout()
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main()
