"""Orders of the elements in an iteration, and which one a step takes.

All elements at once is gradient descent on the energy of the implicit step, measured in units of 1 + the sum of weights
(`sim.xpbd.impulses`): between 1, for motions that no element resists, and p, the largest sum of a particle, lie all
stiffnesses mu. An iteration that divides by r leaves 1 - mu/r of an error, so several in turn leave a polynomial of which
these divisors are the roots. Chebyshev's would be the best if all mu counted alike. But soft motions are what a cloth's shape
is, and what oscillates without damping grows where the polynomial falls below -1/3 (the displacement by the elements is
then 4/3 of what it should be). So the roots are those of Chebyshev's polynomial that swings between 1/3 and -1/3,
stretched so that the last is p (a single element has mu = p, and is exact whatever its stiffness), and not below 1:

* as long as the first root is 1, soft motions are exact: up to p = 3, 6.6, 11.6 with 2, 3, 4 iterations;
* beyond, they lag behind (the rest is still stable), and cloth seems softer than it is. There Gauss-Seidel, colour after
  colour, is the better choice, as it is for fewer iterations.
"""

import math
from functools import cache

import numpy as np

#: "colored": one colour after the other, Gauss-Seidel; few iterations are enough for any stiffness. "simultaneous": all at
#: once, two launches an iteration instead of one a colour. "auto": simultaneous, with up to twice as many iterations (a
#: colored one costs a GPU ten times as much, a CPU twice), where these are exact for soft motions, else colored.
SWEEPS = ("auto", "colored", "simultaneous")

#: "auto" chooses simultaneous sweeps that leave at most this part of a soft motion's error.
TOLERATED = 0.02

#: Turns of the roots, ascending from 0, for each number of iterations in a cycle: those whose beginnings enlarge no error
#: much, and which do not end with the boldest.
TURNS = {1: (0,), 2: (0, 1), 3: (2, 0, 1), 4: (2, 3, 0, 1)}


@cache
def parts(iterations: int) -> tuple[float, ...]:
    """By which part of p each iteration divides, if that is more than 1."""
    cycles = -(-iterations // max(TURNS))
    sizes = [iterations // cycles + (c < iterations % cycles) for c in range(cycles)]
    return tuple(part for size in sizes for part in _cycle(size))


def _cycle(size: int) -> list[float]:
    bend = math.cosh(math.acosh(3.0) / size)  # T(bend) = 3
    start = (bend - 1.0) / (bend + 1.0)  # the polynomial swings on [start, 1]
    angles = (math.pi * (k + 0.5) / size for k in range(size))
    roots = [0.5 * ((1.0 + start) - (1.0 - start) * math.cos(angle)) for angle in angles]
    return [roots[k] / roots[-1] for k in TURNS[size]]


def left_of_soft_motion(p: float, iterations: int) -> float:
    """Which part of the error of a motion that no element resists is left."""
    return math.prod(1.0 - 1.0 / max(1.0, part * p) for part in parts(iterations))


def enough_sweeps(p: float, iterations: int) -> int:
    """How many simultaneous sweeps are as good as `iterations` colored ones, 0 if more than twice as many would be needed."""
    for sweeps in range(iterations, 2 * iterations + 1):
        if left_of_soft_motion(p, sweeps) <= TOLERATED:
            return sweeps
    return 0


class StiffnessAtRest:
    """How stiff a model's elements are as it stands, in proportion to inertia; read once from its arrays.

    Attributes:
        elastic: Sum of k w |g|^2 over the elements of each particle [1/s^2], float64, shape [particle_count].
        damping: The same of the damping [1/s].
    """

    def __init__(self, model):
        active = (model.particle_flags.numpy() & 1) != 0
        self._w = model.particle_inv_mass.numpy() * active.astype(np.float32)
        self._x = np.ascontiguousarray(model.particle_q.numpy().T)
        self.elastic, self.damping = np.zeros(len(self._w)), np.zeros(len(self._w))
        for family, weights in (
            ("spring", self._springs), ("tri", self._triangles), ("edge", self._hinges), ("tet", self._tetrahedra)
        ):  # fmt: skip
            count = getattr(model, f"{family}_count")
            if count:
                corners = getattr(model, f"{family}_indices").numpy().reshape(count, -1)
                inside = corners.min(axis=1) >= 0
                elastic, damping = weights(model, corners[inside], inside)
                self._add(corners[inside], elastic, damping)

    def largest(self, dt: float, relaxation: float) -> float:
        """The largest p of a particle that can move."""
        sums = np.where(self._w > 0.0, self.elastic * (dt * dt) + self.damping * dt, 0.0)
        return 1.0 + float(sums.max(initial=0.0)) / relaxation

    def _add(self, corners, elastic, damping) -> None:
        for corner in corners.T:
            self.elastic += np.bincount(corner, elastic, len(self._w))
            self.damping += np.bincount(corner, damping, len(self._w))

    def _springs(self, model, corners, inside):
        w = self._w[corners].sum(axis=1)
        return model.spring_stiffness.numpy()[inside] * w, model.spring_damping.numpy()[inside] * w

    def _triangles(self, model, corners, inside):
        poses, materials = model.tri_poses.numpy()[inside], model.tri_materials.numpy()[inside]
        area = 0.5 / (poses[:, 0, 0] * poses[:, 1, 1] - poses[:, 0, 1] * poses[:, 1, 0])
        ke, ka, kd = (materials[:, :3] * area[:, None]).T
        B = self._spread(corners, poses)
        even = B[:, 0, 0] + B[:, 1, 1]  # as in `triangle_impulse`, with C = 1
        return (ka + 2.0 * ke) * even, 2.5 * kd * even

    def _tetrahedra(self, model, corners, inside):
        poses, materials = model.tet_poses.numpy()[inside], model.tet_materials.numpy()[inside]
        volume = 1.0 / (6.0 * np.linalg.det(poses))
        mu, lame, damp = (materials[:, :3] * volume[:, None]).T
        trace = np.trace(self._spread(corners, poses), axis1=1, axis2=2)
        kappa = np.maximum(lame - 0.125 * mu, 0.0)
        # five deviatoric strains: trace(B)/6 + 3/2 trace(B)
        return (1.5 * mu * 5.0 / 3.0 + kappa) * trace, damp * (5.0 / 3.0 + 4.0 / 3.0) * trace

    def _spread(self, corners, poses):
        """Sum of w b b^T over the corners, b being their rows of the inverse rest shape."""
        rows = np.concatenate([-poses.sum(axis=1, keepdims=True), poses], axis=1)
        return np.matmul((rows * self._w[corners][:, :, None]).transpose(0, 2, 1), rows)

    def _hinges(self, model, corners, inside):
        xi, xj, xk, xl = (self._x[:, corner] for corner in corners.T)
        e = xl - xk
        n1, n2 = _cross(xk - xi, xl - xi), _cross(xl - xj, xk - xj)
        length = np.sqrt(_dot(e, e))
        # the normals over their squares are orthogonal to e, so squares of the ends' gradients need their product only
        u11, u22 = (1.0 / np.maximum(_dot(n, n), 1e-36) for n in (n1, n2))
        u12 = _dot(n1, n2) * u11 * u22
        along = 1.0 / np.maximum(length, 1e-18)
        ends = [
            (_dot(xi - xl, e) * along, _dot(xj - xl, e) * along),
            (_dot(xk - xi, e) * along, _dot(xk - xj, e) * along),
        ]
        squares = [length**2 * u11, length**2 * u22]
        squares += [a * a * u11 + b * b * u22 + 2.0 * a * b * u12 for a, b in ends]
        w = sum(self._w[corner] * square for corner, square in zip(corners.T, squares))
        w = w * model.edge_rest_length.numpy()[inside]
        properties = model.edge_bending_properties.numpy()[inside]
        return properties[:, 0] * w, properties[:, 1] * w


def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a, b):
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
