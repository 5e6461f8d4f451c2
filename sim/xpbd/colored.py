"""Coloured Gauss-Seidel: elements of one colour share no particle and are solved at once, colours follow each other."""

import itertools

import engine as en
from sim.forces.particle_forces import activations
from sim.xpbd.bending import solve_bending
from sim.xpbd.springs import solve_springs
from sim.xpbd.tetrahedra import solve_tetrahedra
from sim.xpbd.triangles import solve_triangles


def solve_colored(model, scratch, state_in, state_out, dt, keep, control) -> None:
    """One sweep over all elements, which moves `state_out.particle_q`."""
    x0, x, w = state_in.particle_q, state_out.particle_q, scratch.movable
    for family, kernel, constants in _families(model, control):
        order, corners = getattr(model, f"{family}_color_order"), scratch.corners(family)
        multiplier = getattr(scratch, f"{family}_multiplier")
        for start, stop in itertools.pairwise(getattr(model, f"{family}_color_offsets")):
            inputs = [start, order, x0, w, corners, *constants, dt, keep]
            en.launch(kernel, dim=stop - start, inputs=inputs, outputs=[x, multiplier])


def _families(model, control):
    """(family, kernel, constants) of the elements that the model has."""
    if model.spring_count:
        yield (
            "spring",
            solve_springs,
            [model.spring_rest_length, model.spring_stiffness, model.spring_damping],
        )
    if model.tri_count:
        active = activations(model, control, "tri_activations")
        yield "tri", solve_triangles, [model.tri_poses, active, model.tri_materials]
    if model.edge_count:
        yield (
            "edge",
            solve_bending,
            [model.edge_rest_angle, model.edge_rest_length, model.edge_bending_properties],
        )
    if model.tet_count:
        active = activations(model, control, "tet_activations")
        yield "tet", solve_tetrahedra, [model.tet_poses, active, model.tet_materials]
