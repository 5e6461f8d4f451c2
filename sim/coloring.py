"""Colours for elements, so that no two of one colour share a particle: Gauss-Seidel in parallel within a colour.

Random-proposal colouring in rounds, vectorised: every uncoloured element proposes a random colour that none of its
particles has yet; of those that clash at a particle the last one keeps it and the others try again. (In the family of
M. Luby, "A simple parallel algorithm for the maximal independent set problem", 1986.) Same input, same colours.
"""

from dataclasses import dataclass

import numpy as np

# Colours are bits of one 64-bit mask per particle; bit 63 stays free so that shifts cannot overflow.
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


def color_elements(indices: np.ndarray, particle_count: int) -> ElementColoring:
    """Colours the elements ``indices`` [n, k]; rows with a -1 (border edges) get no colour."""
    if len(indices) == 0:
        return ElementColoring(np.empty(0, dtype=np.int32), [0])
    elements = np.flatnonzero(indices.min(axis=1) >= 0)
    colors = np.full(len(indices), -1, dtype=np.int64)
    rng = np.random.default_rng(0)
    first_color, remaining = 0, elements
    while len(remaining):
        remaining, used = _color_page(indices, particle_count, remaining, colors, first_color, rng)
        first_color += used
    return _grouped(colors, elements)


def _color_page(indices, particle_count, active, colors, first_color, rng) -> tuple[np.ndarray, int]:
    """Colours what fits into one page of colours; returns what is left and how many colours the page has."""
    degree = np.bincount(indices[active].ravel(), minlength=particle_count)
    # The largest degree is the least number of colours possible; a few more make clashes rare.
    count = int(min(PAGE, degree.max() + (degree.max() > 2) * max(1, degree.max() // 5)))
    full = np.uint64((1 << count) - 1)
    taken = np.zeros(particle_count, dtype=np.uint64)
    owner = np.empty(particle_count * count, dtype=np.int32)
    left = []
    vertices = indices[active].astype(np.int64)
    while len(active):
        free = ~np.bitwise_or.reduce(taken[vertices], axis=1) & full
        open_rows = free != 0
        if not open_rows.all():
            left.append(active[~open_rows])
            active, free, vertices = active[open_rows], free[open_rows], vertices[open_rows]
        color = _random_bit(free, count, rng)
        keys = vertices * count + color[:, None]
        ticket = np.arange(len(active), dtype=np.int32)[:, None]
        # Row by row, so the last element always keeps all of its particles: every round colours at least one.
        owner[keys] = ticket
        won = (owner[keys] == ticket).all(axis=1)
        colors[active[won]] = first_color + color[won]
        bit = np.uint64(1) << color[won].astype(np.uint64)
        np.bitwise_or.at(taken, vertices[won].ravel(), np.repeat(bit, vertices.shape[1]))
        active, vertices = active[~won], vertices[~won]
    return (np.sort(np.concatenate(left)) if left else active), count


def _random_bit(free: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Index of a random set bit of each mask of ``count`` bits."""
    turn = rng.integers(0, count, size=len(free)).astype(np.uint64)
    full, width = np.uint64((1 << count) - 1), np.uint64(count)
    turned = ((free >> turn) | (free << (width - turn))) & full
    lowest = turned & (~turned + np.uint64(1))
    # A power of two is exact in float64.
    return ((np.log2(lowest.astype(np.float64)).astype(np.int64)) + turn.astype(np.int64)) % count


def _grouped(colors: np.ndarray, elements: np.ndarray) -> ElementColoring:
    """Renumbers the used colours, largest first."""
    sizes = np.bincount(colors[elements])
    by_size = np.argsort(-sizes, kind="stable")
    by_size = by_size[sizes[by_size] > 0]
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[by_size] = np.arange(len(by_size))
    key = (rank[colors[elements]] << 32) | elements
    key.sort()
    order = (key & 0xFFFFFFFF).astype(np.int32)
    return ElementColoring(order, [0, *np.cumsum(sizes[by_size]).tolist()])
