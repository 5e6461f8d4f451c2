"""The order of the edges of a mesh."""

import numpy as np

from sim.builder.cloth import grid_triangles
from sim.geometry.mesh_edges import alike_together, mesh_edges


def test_edges_of_a_grid_lie_together_by_pattern():
    triangles = grid_triangles(9, 6)
    edges = mesh_edges(triangles).indices
    order = alike_together(edges)
    assert np.array_equal(np.sort(order), np.arange(len(edges)))
    inner = edges[order][edges[order].min(axis=1) >= 0]
    steps = np.diff(inner, axis=0)
    assert np.mean((steps == 1).all(axis=1)) > 0.7


def test_irregular_meshes_keep_the_order_of_their_edges():
    rng = np.random.default_rng(0)
    rows = rng.permutation(4000)[:3200].reshape(-1, 4)
    assert np.array_equal(alike_together(rows), np.arange(len(rows)))
