"""How stiff penalty joints are, and up to which step they are stable.

By default a joint is an implicit spring with `STIFFNESS` times the mass of everything that joints connect, over dt^2: under
its weight it gives way by a quarter of what it falls in a step, and any step is stable.

With a stiffness of one's own springs are explicit. Let every body lend each of its joints, and its contacts, an equal share
of its mass. If no joint's spring, on the shares of its two bodies alone, has a squared frequency above L, then none of the
whole mechanism has (the sum of the joints' energies is bounded joint by joint). Symplectic Euler with explicit damping is
stable while L dt^2 + 2 D dt < 4, D being the same bound for the dampers. A joint has a linear and an angular spring, and
their bounds add up.
"""

import warnings
from dataclasses import dataclass

import numpy as np

import engine as en
from engine.capture import NotRecorded
from sim.articulation.joint_types import JOINT_BALL, JOINT_DISTANCE, JOINT_FREE
from sim.articulation.trees import body_parts
from sim.errors import SimWarning

#: Default stiffness times dt^2, in masses of the whole articulation (and, for rotations, squares of its reach).
STIFFNESS = 4.0
#: Default damping of explicit springs, as a part of the critical one.
DAMPING_RATIO = 0.5


@dataclass(frozen=True)
class Attachments:
    """Springs and dampers of all joints.

    Attributes:
        stiffness: (linear [N/m], angular [N m/rad]) a joint, shape [joint_count, 2].
        damping: Likewise [N s/m, N m s/rad].
        step_bound: Up to which step each joint is sure to be stable [s], shape [joint_count].
    """

    stiffness: np.ndarray
    damping: np.ndarray
    step_bound: np.ndarray


def explicit_springs(model, ke: float, kd: float | None) -> Attachments:
    """Springs of the given stiffness and damping for all joints."""
    inverse = inverse_shares(model)
    movable = inverse > 0.0
    stiffness = np.where(movable, ke, 0.0)
    critical = 2.0 * np.sqrt(ke / np.where(movable, inverse, 1.0))
    damping = np.where(movable, DAMPING_RATIO * critical if kd is None else kd, 0.0)
    squared = (stiffness * inverse).sum(axis=1)
    rate = (damping * inverse).sum(axis=1)
    # the positive root of squared dt^2 + 2 rate dt = 4
    bound = 4.0 / np.maximum(rate + np.sqrt(rate**2 + 4.0 * squared), 1e-30)
    return Attachments(stiffness, damping, bound)


def implicit_springs(model, clusters, dt: float) -> np.ndarray:
    """Stiffness (linear, angular) of each joint by default, shape [joint_count, 2]."""
    label, mass = clusters.label, model.body_mass.numpy().astype(float)
    parent, child = model.joint_parent.numpy(), model.joint_child.numpy()
    arms = [np.linalg.norm(getattr(model, f"joint_X_{side}").numpy()[:, :3].astype(float), axis=1) for side in "pc"]
    arms[0][parent < 0] = 0.0  # where the world holds it says nothing about size
    size = np.linalg.norm(model.body_com.numpy().astype(float), axis=1)
    gyration = np.einsum("bii->b", model.body_inertia.numpy().astype(float).reshape(-1, 3, 3)) / np.maximum(mass, 1e-9)
    size += np.sqrt(np.where(mass > 0.0, gyration, 0.0))
    total, reach = np.zeros(model.body_count), np.zeros(model.body_count)
    np.add.at(total, label, mass)
    np.add.at(reach, label, size)
    np.add.at(reach, label[child], arms[0] + arms[1])
    m, r = total[label[child]], reach[label[child]]
    return STIFFNESS / dt**2 * np.stack([m, m * np.maximum(r, 1e-6) ** 2], axis=1)


def attachment_arrays(model, clusters, dt: float, ke: float | None = None, kd: float | None = None):
    """(explicit, stiffness, damping) for steps of ``dt`` as kernels want them; warns of joints that are too stiff.

    Where ``ke`` or ``kd`` is None, the model's ``joint_attach_ke`` and ``joint_attach_kd`` count. Made once for each
    combination, and masses count as they are then.
    """
    ke = model.joint_attach_ke if ke is None else ke
    kd = model.joint_attach_kd if kd is None else kd
    known = model.__dict__.setdefault("attachments", {})
    arrays = known.get((dt, ke, kd))
    if arrays is None:
        with NotRecorded():
            if ke is None:
                stiffness = implicit_springs(model, clusters, dt)
                damping = np.zeros_like(stiffness)
            else:
                springs = explicit_springs(model, ke, kd)
                warn_of_stiff_joints(model, springs, dt)
                stiffness, damping = springs.stiffness, springs.damping
            values = (en.array(v.astype(np.float32), dtype=float) for v in (stiffness, damping))
            arrays = known[dt, ke, kd] = (int(ke is not None), *values)
    return arrays


def warn_of_stiff_joints(model, springs: Attachments, dt: float) -> None:
    """Warns of joints that a step of ``dt`` may not bear, and of the step that they would."""
    stiff = np.flatnonzero(springs.step_bound < dt)
    if len(stiff):
        worst = stiff[np.argmin(springs.step_bound[stiff])]
        others = f" and {len(stiff) - 1} more" if len(stiff) > 1 else ""
        warnings.warn(
            f"SemiImplicitIntegrator: joint {model.joint_name[worst]!r}{others}: springs of {springs.stiffness[worst, 0]:.4g} N/m "
            f"are stable up to steps of {springs.step_bound[worst]:.3g} s, but dt = {dt:.3g} s; take smaller steps or a lower "
            "joint_attach_ke and joint_attach_kd, or leave them out",
            SimWarning,
            stacklevel=6,
        )


def inverse_shares(model) -> np.ndarray:
    """Largest inverse mass that each joint's linear and angular spring moves, [joint_count, 2], bodies shared out.

    Zero where nothing is locked or nothing can move.
    """
    parent, child = model.joint_parent.numpy(), model.joint_child.numpy()
    enabled = model.joint_enabled.numpy() != 0
    mass = model.body_mass.numpy().astype(float)
    inertia = model.body_inertia.numpy().astype(float).reshape(-1, 3, 3)
    fixed = np.append(model.body_inv_mass.numpy() == 0.0, True)
    inverse_mass = np.append(np.where(mass > 0.0, 1.0 / np.where(mass > 0.0, mass, 1.0), 0.0), 0.0)
    inverse_inertia = np.zeros((model.body_count + 1, 3, 3))
    inverse_inertia[:-1][mass > 0.0] = np.linalg.pinv(inertia[mass > 0.0])
    inverse_mass[fixed], inverse_inertia[fixed] = 0.0, 0.0
    com = np.append(model.body_com.numpy().astype(float), np.zeros((1, 3)), axis=0)
    count = np.append(body_parts(model), 1.0)
    linear, angular = np.zeros(len(child)), np.zeros(len(child))
    for body, X in ((parent, model.joint_X_p.numpy()), (child, model.joint_X_c.numpy())):
        arm = skew(X[:, :3] - com[body])
        spread = np.einsum("nki,nkl,nlj->nij", arm, inverse_inertia[body], arm)
        linear += count[body] * (inverse_mass[body] + np.linalg.eigvalsh(spread)[:, -1])
        angular += count[body] * np.linalg.eigvalsh(inverse_inertia[body])[:, -1]
    kind = model.joint_type.numpy()
    freedom = model.joint_axis_dim.numpy()
    free = (kind == JOINT_FREE) | ~enabled
    linear[free | (freedom[:, 0] == 3)] = 0.0
    angular[free | (kind == JOINT_BALL) | (kind == JOINT_DISTANCE) | (freedom[:, 1] == 3)] = 0.0
    return np.stack([linear, angular], axis=1)


def skew(v: np.ndarray) -> np.ndarray:
    """Cross-product matrices of vectors [n, 3]."""
    zero = np.zeros(len(v))
    x, y, z = v.T
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
