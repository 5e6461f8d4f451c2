"""How contacts resist the acceleration of a body, for integrators that can solve for it.

Springs and dashpots that act on the velocity at the end of a step, instead of that at its beginning, add to a body's
inertia: h d + h^2 k along each direction. So they are stable for any body, where an explicit contact must be weak enough
for the lightest: a foot of 50 g under a trunk of 10 kg would let it bob. Only the mass of the whole tree limits them still,
to k h^2 and d h below it, since float32 loses a foot's own mass beside thousands of times as much.
"""

import numpy as np

import engine as en
from engine.capture import NotRecorded
from sim.device_arrays import device_array


@en.struct
class Resistance:
    """Inertia-like matrices about centres of mass, world axes: torque = aa turn + al move, force = al^T turn + ll move."""

    aa: en.array(dtype=en.mat33)
    al: en.array(dtype=en.mat33)
    ll: en.array(dtype=en.mat33)


def new_resistance(count: int, device) -> Resistance:
    """Zero matrices."""
    table = Resistance()
    with NotRecorded():
        table.aa, table.al, table.ll = (en.zeros(max(count, 1), dtype=en.mat33, device=device) for _ in range(3))
    return table


@en.func
def resist_at(r: en.vec3, n: en.vec3, normal: float, tangential: float):
    """Matrices of a contact at ``r`` from the centre of mass that resists by these amounts along ``n`` and across it."""
    ll = en.identity(3) * tangential + en.outer(n, n) * (normal - tangential)
    arm = en.skew(r)
    al = arm * ll
    return al * en.transpose(arm), al, ll


@en.func
def touching_entry(e: int, end: int, body_entry: en.array(dtype=int), pair_touching: en.array(dtype=int)) -> int:
    """The entry at place ``e`` of the list, or -1 beyond its end and where the pair does not touch."""
    at = body_entry[en.min(e, end - 1)]
    return en.where(e < end and pair_touching[at // 2] > 0, at, -1)


@en.kernel
def sum_contacts(
    body_start: en.array(dtype=int),
    body_entry: en.array(dtype=int),
    wrench: en.array(dtype=en.spatial_vector),
    external: en.array(dtype=en.spatial_vector),
    pair_touching: en.array(dtype=int),
    entries: Resistance,
    gravity: en.vec3,
    total: en.array(dtype=en.spatial_vector),
    bodies: Resistance,
):
    """Sums wrenches and matrices of each body's contacts, and external wrenches.

    Gravity is taken for no acceleration, so what resists it goes to the wrench.
    """
    b = en.tid()
    w = external[b]
    aa = en.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    al = en.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    ll = en.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    end = body_start[b + 1]
    for block in range((end - body_start[b] + 3) // 4):
        # most pairs are only near; a GPU waits for four of them at once
        e = body_start[b] + 4 * block
        first = touching_entry(e, end, body_entry, pair_touching)
        second = touching_entry(e + 1, end, body_entry, pair_touching)
        third = touching_entry(e + 2, end, body_entry, pair_touching)
        fourth = touching_entry(e + 3, end, body_entry, pair_touching)
        if en.max(en.max(first, second), en.max(third, fourth)) >= 0:
            for i in range(e, en.min(e + 4, end)):
                at = touching_entry(i, end, body_entry, pair_touching)
                if at >= 0:
                    w = w + wrench[at]
                    aa = aa + entries.aa[at]
                    al = al + entries.al[at]
                    ll = ll + entries.ll[at]
    bodies.aa[b] = aa
    bodies.al[b] = al
    bodies.ll[b] = ll
    total[b] = w - en.spatial_vector(al * gravity, ll * gravity)


class TreeContacts:
    """What contacts of bodies that joint coordinates move need, besides those of other bodies.

    Attributes:
        ahead: Steps from the start of one to where contact forces act, for position Verlet, float [body_count].
        inverse_mass: Of the tree of each body, 0 without one, float [body_count].
        bodies: Resistance of each body.
        wanted: Whether contacts have written it.
    """

    def __init__(self, model):
        tree = model.kinematic_trees.tree_of_joint
        moving = np.flatnonzero(tree >= 0)
        child, tree = model.joint_child.numpy()[moving], tree[moving]
        ahead, inverse, mass = np.zeros(model.body_count), np.zeros(model.body_count), model.body_mass.numpy()
        ahead[child] = 0.5
        inverse[child] = 1.0 / np.maximum(np.bincount(tree, mass[child]), 1.0e-12)[tree]
        self.ahead = device_array(ahead, "float32", model.device)
        self.inverse_mass = device_array(inverse, "float32", model.device)
        self.bodies = new_resistance(model.body_count, model.device)
        self.wanted = False
        self._entries = new_resistance(0, model.device)

    def entries(self, contacts) -> Resistance:
        """Room for both sides of each slot of a contact table."""
        self.wanted = True
        if len(self._entries.ll) != 2 * contacts.capacity:
            self._entries = new_resistance(2 * contacts.capacity, contacts.wrench.device)
        return self._entries
