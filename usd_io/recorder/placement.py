"""Where a recorded prim sits: the part of its world matrix that the simulation does not give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pxr import Sdf, Usd, UsdGeom

from usd_io.recorder.errors import RecorderError
from usd_io.recorder.frames import FrameBatch
from usd_io.recorder.quaternions import conjugate, multiply, rotate, to_matrix
from usd_io.recorder.targets import BodyTarget

RIGID_OPS = {UsdGeom.XformOp.TypeTranslate, UsdGeom.XformOp.TypeOrient} | {
    getattr(UsdGeom.XformOp, f"TypeRotate{axes}") for axes in ("X", "Y", "Z", "XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
}


@dataclass(frozen=True)
class Placement:
    """Frame that local coordinates of a prim are relative to: ``world = A(t) @ K(t)``, column vectors, stage units.

    A is the rigid pose of the nearest recorded body above the prim (the identity without one); K is that body's
    stretch times the source's own transforms between the body and the prim.
    """

    path: str
    """The prim whose coordinates these are."""
    body: int
    """Index of the body whose pose is A, -1 for none."""
    chain: tuple[UsdGeom.Xformable, ...]
    """Prims whose local transforms make up K, outermost first."""
    base: np.ndarray
    """Constant factor in front of the chain (the body's stretch), shape [4, 4]."""

    @cached_property
    def animated(self) -> bool:
        """Whether K depends on time."""
        return any(prim.TransformMightBeTimeVarying() for prim in self.chain)

    def matrix(self, time_code: float) -> np.ndarray:
        """K at a time code, shape [4, 4].

        Raises:
            RecorderError: K has no inverse, so nothing can be expressed below it.
        """
        k = self.base
        for prim in self.chain:
            k = k @ np.array(prim.GetLocalTransformation(Usd.TimeCode(time_code))).T
        if not np.isfinite(k).all() or np.linalg.cond(k[:3, :3]) > 1e12:
            raise RecorderError(
                self.path,
                f"its transform cannot be inverted (time code {time_code:g})",
                expected="finite scales other than zero on it and on its parents",
                next_step="give the prim a scale that is not zero",
            )
        return k

    def turns_only(self, start: float) -> bool:
        """Whether K is a rotation, a translation and one constant uniform scale, at all times."""
        moving = (op for prim in self.chain for op in prim.GetOrderedXformOps() if op.MightBeTimeVarying())
        return all(op.GetOpType() in RIGID_OPS for op in moving) and _is_similarity(self.matrix(start)[:3, :3])


class Placer:
    """Finds placements; prims with the same parent share one."""

    def __init__(self, bodies: Mapping[str, BodyTarget], start: float):
        self.start = start
        self._bodies = bodies
        self._known: dict[Sdf.Path, tuple[Placement, bool]] = {}

    def inside(self, prim: Usd.Prim) -> Placement:
        """Placement of the prim's own coordinates."""
        return self._placed(prim)[0]

    def around(self, prim: Usd.Prim) -> tuple[Placement, bool]:
        """Placement of the coordinates of the prim's parent, and whether it ``turns_only``."""
        return self._placed(prim.GetParent())

    def _placed(self, prim: Usd.Prim) -> tuple[Placement, bool]:
        known = self._known.get(prim.GetPath())
        if known is None:
            placement = self._walk_up(prim)
            known = self._known[prim.GetPath()] = (placement, placement.turns_only(self.start))
        return known

    def _walk_up(self, prim: Usd.Prim) -> Placement:
        chain: list[UsdGeom.Xformable] = []
        current = prim
        while current and not current.IsPseudoRoot():
            body = self._bodies.get(str(current.GetPath()))
            if body is not None:
                base = np.eye(4)
                base[:3, :3] = body.stretch
                return Placement(str(prim.GetPath()), body.index, tuple(reversed(chain)), base)
            xformable = UsdGeom.Xformable(current)
            if xformable:
                chain.append(xformable)
                if xformable.GetResetXformStack():
                    break
            current = current.GetParent()
        return Placement(str(prim.GetPath()), -1, tuple(reversed(chain)), np.eye(4))


class Placements:
    """Many placements evaluated together.

    Attributes:
        bodies: Index of each placement's body above, -1 for none, shape [n].
    """

    def __init__(self, placements: Sequence[Placement], start: float):
        self.bodies = np.array([p.body for p in placements], dtype=int)
        known = {id(p): p.matrix(start) for p in {id(p): p for p in placements}.values()}
        self.start = np.stack([known[id(p)] for p in placements])
        self._animated = [(i, p) for i, p in enumerate(placements) if p.animated]

    def matrices(self, times: Sequence[float]) -> np.ndarray:
        """K of every placement, shape [frames or 1, n, 4, 4] (1 when nothing is animated)."""
        if not self._animated:
            return self.start[None]
        k = np.repeat(self.start[None], len(times), axis=0)
        for i, placement in self._animated:
            k[:, i] = [placement.matrix(t) for t in times]
        return k

    def relative_poses(self, body_q: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Poses of bodies relative to the bodies above them (A⁻¹ X).

        Args:
            body_q: World poses [m], shape [frames, body_count, 7].
            indices: Body of each placement, shape [n].

        Returns:
            Positions [m], shape [frames, n, 3], and quaternions, shape [frames, n, 4].
        """
        p, q = body_q[:, indices, :3], body_q[:, indices, 3:]
        nested = np.flatnonzero(self.bodies >= 0)
        if len(nested):
            above = body_q[:, self.bodies[nested]]
            inverse = conjugate(above[..., 3:])
            p[:, nested] = rotate(inverse, p[:, nested] - above[..., :3])
            q[:, nested] = multiply(inverse, q[:, nested])
        return p, q

    def local_matrices(
        self, batch: FrameBatch, indices: np.ndarray, stretches: np.ndarray, meters_per_unit: float
    ) -> np.ndarray:
        """Matrices K⁻¹ A⁻¹ [R(q) @ stretch | p] that put bodies where they are, shape [frames, n, 4, 4]."""
        k = self.matrices(batch.times)
        p, q = self.relative_poses(batch.body_q, indices)
        relative = np.zeros((*p.shape[:2], 4, 4))
        relative[..., :3, :3] = to_matrix(q) @ stretches
        relative[..., :3, 3] = p / meters_per_unit
        relative[..., 3, 3] = 1.0
        return np.linalg.solve(np.broadcast_to(k, relative.shape), relative)


def _is_similarity(k: np.ndarray) -> bool:
    """Whether a matrix [3, 3] neither shears, nor mirrors, nor scales unevenly."""
    determinant = np.linalg.det(k)
    if determinant <= 0.0:
        return False
    rotation = k / np.cbrt(determinant)
    return bool(np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-5))
