"""Elastic energy of a model's elements and joints, for people who look: on the host, in float64, outside of any step.

The laws are those of the forces: `sim.forces` for the explicit integrators, the constraints of `sim.xpbd` where the two
differ beyond small strain. All vanish at rest.
"""

from collections.abc import Callable

import numpy as np

import engine as en
from sim.articulation.joint_types import JOINT_BALL, JOINT_MODE_TARGET_POSITION
from sim.forces.angles import wrapped_angle
from sim.forces.bending import dihedral
from sim.model import Model

#: laws that a membrane and a tetrahedron follow: those of forces, and those of constraints
LAWS = ("forces", "constraints")


@en.func
def wide(v: en.vec3) -> en.vec3d:
    """A vector in float64: energies of small strains are small differences."""
    return en.vec3d(en.float64(v[0]), en.float64(v[1]), en.float64(v[2]))


@en.kernel
def measure_springs(
    x: en.array(dtype=en.vec3),
    pairs: en.array(dtype=int),
    rest_length: en.array(dtype=float),
    stiffness: en.array(dtype=float),
    energy: en.array(dtype=en.float64),
):
    s = en.tid()
    stretch = en.length(wide(x[pairs[2 * s]]) - wide(x[pairs[2 * s + 1]])) - en.float64(rest_length[s])
    energy[s] = en.float64(0.5) * en.float64(stiffness[s]) * stretch * stretch


@en.kernel
def measure_triangles(
    x: en.array(dtype=en.vec3),
    corners: en.array2d(dtype=int),
    pose: en.array(dtype=en.mat22),
    activation: en.array(dtype=float),
    materials: en.array2d(dtype=float),
    constrained: int,
    energy: en.array(dtype=en.float64),
):
    """The laws of `sim.forces.triangles` (neo-Hookean) and `sim.xpbd.triangles`."""
    t = en.tid()
    x0 = wide(x[corners[t, 0]])
    x10 = wide(x[corners[t, 1]]) - x0
    x20 = wide(x[corners[t, 2]]) - x0
    a = en.float64(pose[t][0, 0])
    b = en.float64(pose[t][0, 1])
    c = en.float64(pose[t][1, 0])
    d = en.float64(pose[t][1, 1])
    F1 = x10 * a + x20 * c
    F2 = x10 * b + x20 * d
    mu = en.float64(materials[t, 0])
    area_modulus = en.float64(materials[t, 1])
    active = en.float64(activation[t])
    half = en.float64(0.5)
    one = en.float64(1.0)
    aa = en.dot(F1, F1)
    bb = en.dot(F2, F2)
    density = en.float64(0.0)
    if constrained == 1:
        dilation = half * (aa + bb) - one + active
        shear = half * (aa - bb)
        skew = en.dot(F1, F2)
        density = half * (area_modulus * dilation * dilation + mu * (shear * shear + skew * skew))
    else:
        growth = en.length(en.cross(F1, F2)) - one + active
        density = half * mu * (aa + bb - en.float64(2.0)) + half * area_modulus * growth * growth - mu * growth
    energy[t] = density * half / (a * d - b * c)


@en.kernel
def measure_bending(
    x: en.array(dtype=en.vec3),
    corners: en.array2d(dtype=int),
    rest_angle: en.array(dtype=float),
    rest_length: en.array(dtype=float),
    properties: en.array2d(dtype=float),
    energy: en.array(dtype=en.float64),
):
    s = en.tid()
    i = corners[s, 0]
    j = corners[s, 1]
    measured = en.float64(0.0)
    if i >= 0 and j >= 0:
        angle, _gi, _gj, _gk, _gl = dihedral(x[i], x[j], x[corners[s, 2]], x[corners[s, 3]])
        bend = en.float64(wrapped_angle(angle - rest_angle[s]))
        measured = en.float64(0.5 * properties[s, 0] * rest_length[s]) * bend * bend
    energy[s] = measured


@en.kernel
def measure_tetrahedra(
    x: en.array(dtype=en.vec3),
    corners: en.array2d(dtype=int),
    pose: en.array(dtype=en.mat33),
    activation: en.array(dtype=float),
    materials: en.array2d(dtype=float),
    constrained: int,
    energy: en.array(dtype=en.float64),
):
    """The laws of `sim.forces.tetrahedra` and `sim.xpbd.tetrahedra`."""
    t = en.tid()
    D = pose[t]
    b1 = wide(en.vec3(D[0, 0], D[1, 0], D[2, 0]))
    b2 = wide(en.vec3(D[0, 1], D[1, 1], D[2, 1]))
    b3 = wide(en.vec3(D[0, 2], D[1, 2], D[2, 2]))
    x0 = wide(x[corners[t, 0]])
    x10 = wide(x[corners[t, 1]]) - x0
    x20 = wide(x[corners[t, 2]]) - x0
    x30 = wide(x[corners[t, 3]]) - x0
    f1 = x10 * b1[0] + x20 * b1[1] + x30 * b1[2]
    f2 = x10 * b2[0] + x20 * b2[1] + x30 * b2[2]
    f3 = x10 * b3[0] + x20 * b3[1] + x30 * b3[2]
    mu = en.float64(materials[t, 0])
    volume_modulus = en.float64(materials[t, 1])
    half = en.float64(0.5)
    one = en.float64(1.0)
    s1 = en.dot(f1, f1)
    s2 = en.dot(f2, f2)
    s3 = en.dot(f3, f3)
    growth = en.dot(f1, en.cross(f2, f3)) - one + en.float64(activation[t])
    density = en.float64(0.0)
    if constrained == 1:
        mean = (s1 + s2 + s3) / en.float64(3.0)
        straight = (s1 - mean) * (s1 - mean) + (s2 - mean) * (s2 - mean) + (s3 - mean) * (s3 - mean)
        g12 = en.dot(f1, f2)
        g13 = en.dot(f1, f3)
        g23 = en.dot(f2, f3)
        deviator = en.float64(0.25) * straight + half * (g12 * g12 + g13 * g13 + g23 * g23)
        kappa = en.max(volume_modulus - en.float64(0.125) * mu, en.float64(0.0))
        density = en.float64(0.75) * mu * deviator + half * kappa * growth * growth
    else:
        stretch = s1 + s2 + s3
        logarithm = en.log((stretch + one) / en.float64(4.0))
        density = half * mu * (stretch - en.float64(3.0) - logarithm)
        density = density + half * volume_modulus * growth * growth - en.float64(0.75) * mu * growth
    energy[t] = density / (en.float64(6.0) * en.dot(b1, en.cross(b2, b3)))


def _host(values: en.array) -> en.array:
    """An array where the host's kernels read it; the same one if it is there already."""
    return values if not values.device.is_cuda else en.array(values.numpy(), dtype=values.dtype, device="cpu")


def _springs(model: Model, _law: int) -> tuple:
    return measure_springs, model.spring_count, ("spring_indices", "spring_rest_length", "spring_stiffness"), ()


def _triangles(model: Model, law: int) -> tuple:
    return measure_triangles, model.tri_count, ("tri_indices", "tri_poses", "tri_activations", "tri_materials"), (law,)


def _edges(model: Model, _law: int) -> tuple:
    names = ("edge_indices", "edge_rest_angle", "edge_rest_length", "edge_bending_properties")
    return measure_bending, model.edge_count, names, ()


def _tetrahedra(model: Model, law: int) -> tuple:
    return measure_tetrahedra, model.tet_count, ("tet_indices", "tet_poses", "tet_activations", "tet_materials"), (law,)


#: family of elements: its kernel, how many there are, the arrays it reads
FAMILIES: dict[str, Callable[[Model, int], tuple]] = {
    "spring": _springs,
    "tri": _triangles,
    "edge": _edges,
    "tet": _tetrahedra,
}


def element_energy(model: Model, family: str, particle_q: np.ndarray, law: str = "forces") -> np.ndarray:
    """Elastic energy of every element of a family [J], float64, shape [count].

    Args:
        model: the model; materials are read as they are now, activations are the model's own.
        family: "spring", "tri" (membranes), "edge" (bending) or "tet", as in the names of the model's arrays.
        particle_q: positions [m], shape [particle_count, 3], on the host.
        law: one of `LAWS`: "forces" for the semi-implicit and Featherstone integrators, "constraints" for XPBD.

    Raises:
        ValueError: for another family or law, or positions of another number of particles.
    """
    if family not in FAMILIES or law not in LAWS:
        raise ValueError(
            f"element_energy: family {family!r} under law {law!r}; expected one of {', '.join(FAMILIES)} and one of "
            f"{', '.join(LAWS)}"
        )
    positions = np.ascontiguousarray(particle_q, np.float32)
    if positions.shape != (model.particle_count, 3):
        raise ValueError(
            f"element_energy: positions of shape {positions.shape}; expected ({model.particle_count}, 3), a row for "
            "each particle of the model"
        )
    kernel, count, names, rest = FAMILIES[family](model, LAWS.index(law))
    if not count:
        return np.zeros(0)
    energy = en.zeros(count, dtype=en.float64, device="cpu")
    x = en.array(positions, dtype=en.vec3, device="cpu")
    arrays = [_host(getattr(model, name)) for name in names]
    en.launch(kernel, dim=count, inputs=[x, *arrays, *rest], outputs=[energy], device="cpu")
    return energy.numpy()


def joint_energy(model: Model, joint_q: np.ndarray, joint_act: np.ndarray | None = None) -> dict[str, float]:
    """Energy in the joints' springs, in limits that are passed, and in position drives [J], by these names.

    Args:
        model: the model.
        joint_q: joint coordinates, shape [joint_coord_count], on the host.
        joint_act: targets of the drives, shape [joint_axis_count]; None for the model's own.
    """
    found = {"springs": 0.0, "limits": 0.0, "drives": 0.0}
    if not model.joint_count:
        return found
    q = np.asarray(joint_q, np.float64)
    types, coords, dofs, axes = (
        getattr(model, f"joint_{name}").numpy() for name in ("type", "q_start", "qd_start", "axis_start")
    )
    stiffness, rest = model.joint_stiffness.numpy().astype(float), model.joint_spring_ref.numpy().astype(float)
    for joint in np.flatnonzero(types == JOINT_BALL):
        turn = q[coords[joint] : coords[joint] + 4]
        angle = 2.0 * np.arctan2(np.linalg.norm(turn[:3]), abs(turn[3]))
        found["springs"] += 0.5 * stiffness[dofs[joint]] * angle**2
    if not model.joint_axis_count:
        return found
    counts = np.diff(axes)
    owners = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(model.joint_axis_count) - axes[owners]
    position, dof = q[coords[owners] + within], dofs[owners] + within
    found["springs"] += 0.5 * float(stiffness[dof] @ (position - rest[dof]) ** 2)
    ke, lower, upper, limit_ke = (
        getattr(model, f"joint_{name}").numpy().astype(float)
        for name in ("target_ke", "limit_lower", "limit_upper", "limit_ke")
    )
    beyond = np.minimum(position - lower, 0.0) + np.maximum(position - upper, 0.0)
    found["limits"] = 0.5 * float(limit_ke @ beyond**2)
    target = np.asarray(model.joint_act.numpy() if joint_act is None else joint_act, np.float64)
    driven = model.joint_axis_mode.numpy() == JOINT_MODE_TARGET_POSITION
    found["drives"] = 0.5 * float(np.where(driven, ke, 0.0) @ (target - position) ** 2)
    return found
