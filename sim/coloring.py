"""Colours for elements, so that no two of one colour share a particle: Gauss-Seidel in parallel within a colour.

Greedy colouring in the order of the elements (first fit; on meshes this comes close to the least number of colours, the
largest number of elements at one particle), then elements of crowded colours move to the emptiest colour open to
them, so that colours are of nearly one size. Sequential, hence the same on every machine; a kernel, hence milliseconds.
"""

from dataclasses import dataclass

import numpy as np

import engine as en
from engine.capture import NotRecorded
from engine.taping import NotTaped
from sim.geometry.integer_order import stable_order

# Colours in use at a particle are bits of one 64-bit mask; a mesh that needs more takes further pages of colours.
PAGE = 62


@dataclass(frozen=True)
class ElementColoring:
    """Elements grouped by colour.

    Attributes:
        order: Element indices, colour after colour, ascending within a colour, int32.
        offsets: Colour c holds ``order[offsets[c]:offsets[c + 1]]``; a list of colour_count + 1 integers.
    """

    order: np.ndarray
    offsets: list[int]

    @property
    def color_count(self) -> int:
        """Number of colours."""
        return len(self.offsets) - 1


@en.kernel
def color_first_fit(
    indices: en.array2d(dtype=int),
    active: en.array(dtype=int),
    limit: int,
    taken: en.array(dtype=en.uint64),
    sizes: en.array(dtype=int),
    colors: en.array(dtype=int),
):
    """One thread: gives each active element the first colour below ``limit`` that none of its particles has."""
    one = en.uint64(1)
    for a in range(active.shape[0]):
        element = active[a]
        mask = en.uint64(0)
        for k in range(indices.shape[1]):
            mask = mask | taken[indices[element, k]]
        color = 0
        while color < limit and (mask >> en.uint64(color)) & one == one:
            color = color + 1
        if color < limit:
            colors[element] = color
            sizes[color] = sizes[color] + 1
            bit = one << en.uint64(color)
            for k in range(indices.shape[1]):
                particle = indices[element, k]
                taken[particle] = taken[particle] | bit


@en.kernel
def even_out_colors(
    indices: en.array2d(dtype=int),
    active: en.array(dtype=int),
    color_count: int,
    target: int,
    taken: en.array(dtype=en.uint64),
    sizes: en.array(dtype=int),
    colors: en.array(dtype=int),
):
    """One thread: moves elements of colours above ``target`` elements to the emptiest colour open to them."""
    one = en.uint64(1)
    for a in range(active.shape[0]):
        element = active[a]
        old = colors[element]
        if old >= 0:
            if sizes[old] > target:
                mask = en.uint64(0)
                for k in range(indices.shape[1]):
                    mask = mask | taken[indices[element, k]]
                best = old
                for c in range(color_count):
                    if (mask >> en.uint64(c)) & one == en.uint64(0) and sizes[c] < sizes[best]:
                        best = c
                if sizes[best] + 1 < sizes[old]:
                    colors[element] = best
                    sizes[old] = sizes[old] - 1
                    sizes[best] = sizes[best] + 1
                    bits = (one << en.uint64(old)) | (one << en.uint64(best))
                    for k in range(indices.shape[1]):
                        particle = indices[element, k]
                        taken[particle] = taken[particle] ^ bits


def color_elements(indices: np.ndarray, particle_count: int) -> ElementColoring:
    """Colours the elements ``indices`` [n, k]; rows with a -1 (border edges) get no colour."""
    elements = np.flatnonzero(indices.min(axis=1) >= 0) if len(indices) else np.empty(0, dtype=np.int64)
    if len(elements) == 0:
        return ElementColoring(np.empty(0, dtype=np.int32), [0])
    host_colors = np.full(len(indices), -1, dtype=np.int64)
    device_indices = en.array(np.ascontiguousarray(indices, dtype=np.int32), dtype=en.int32, device="cpu")
    first_color, remaining = 0, elements
    while len(remaining):
        # a solver may ask for its colours while its first step is being captured, or recorded on a tape
        with NotRecorded(), NotTaped():
            colors, color_count = _color_page(device_indices, remaining, particle_count)
        done = colors[remaining] >= 0
        host_colors[remaining[done]] = first_color + colors[remaining[done]]
        first_color += color_count
        remaining = remaining[~done]
    colors = host_colors[elements]
    order = elements[stable_order(colors)].astype(np.int32)
    return ElementColoring(order, [0, *np.cumsum(np.bincount(colors, minlength=first_color)).tolist()])


def _color_page(indices: en.array, remaining: np.ndarray, particle_count: int) -> tuple[np.ndarray, int]:
    """Colours [element_count] (-1 where the page is full) and how many colours are in use."""
    active = en.array(remaining.astype(np.int32), dtype=en.int32, device="cpu")
    taken = en.zeros(particle_count, dtype=en.uint64, device="cpu")
    sizes = en.zeros(PAGE, dtype=en.int32, device="cpu")
    colors = en.full(indices.shape[0], -1, dtype=en.int32, device="cpu")
    en.launch(color_first_fit, dim=1, inputs=[indices, active, PAGE, taken, sizes, colors], device="cpu")
    used = sizes.numpy()
    color_count = int(np.count_nonzero(used))
    target = int(used.sum()) // color_count
    for _ in range(2):
        arguments = [indices, active, color_count, target, taken, sizes, colors]
        en.launch(even_out_colors, dim=1, inputs=arguments, device="cpu")
    en.synchronize()
    return colors.numpy(), color_count
