"""Conjugate gradients and conjugate residuals, for symmetric matrices.

Source: Saad, "Iterative Methods for Sparse Linear Systems", 2nd edition, algorithms 9.1 and 6.20.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.arrays import array
from engine.optim.linear.iteration import FREE, ONE, RESIDUAL, Iteration


def cg(
    A: Any,
    b: array,
    x: array,
    tol: float | None = None,
    atol: float | None = None,
    maxiter: int | None = 0,
    M: Any = None,
    callback: Callable[[int, float, float], None] | None = None,
    check_every: int = 10,
    use_cuda_graph: bool = True,
) -> tuple:
    """Solves `A x = b` by conjugate gradients; `A` symmetric and positive definite.

    Args:
        A: array of two dimensions (dense) or one (diagonal), `LinearOperator`, or function (x, y, z, alpha, beta).
        b: right-hand side, of numbers or vectors.
        x: initial guess; becomes the solution.
        tol: largest residual relative to `b`; with neither `tol` nor `atol`, 1e-5 in float32 and 1e-10 in float64.
        atol: largest residual. With both, the larger of the two bounds holds.
        maxiter: largest number of iterations; 0: the number of unknowns.
        M: preconditioner, close to the inverse of `A`, symmetric and positive definite.
        callback: called with (iteration, residual, tolerance) every `check_every` iterations.
        check_every: 0: nothing is read back, all iterations are launched, and arrays are returned.
            The residual itself is looked at after every iteration, which costs nothing on the CPU.
        use_cuda_graph: whether iterations are recorded once and replayed, where the operators allow it.

    Returns:
        (iterations, residual, tolerance); with `check_every=0` or inside a capture three arrays: iterations, squared
        residual, squared tolerance.

    Raises:
        EngineError: sizes or types do not fit.
    """
    RZ, RZ_OLD, PAP, ALPHA, BETA = range(FREE, FREE + 5)
    it = Iteration(A, b, x, M, 5)
    r, p, Ap = it.vectors(3)
    z = r if M is None else it.vector()

    def begin() -> None:
        it.residual(r)
        if it.M is not None:
            it.apply(it.M, r, z)
        it.dot(r, z, RZ)
        it.add(p, 1.0, ONE, z, 0.0, ONE, z)

    def step() -> None:
        it.count()
        it.apply(it.A, p, Ap)
        it.dot(p, Ap, PAP)
        it.divide(ALPHA, RZ, PAP)
        it.add(it.x, 1.0, ONE, it.x, 1.0, ALPHA, p)
        it.add(r, 1.0, ONE, r, -1.0, ALPHA, Ap)
        if it.M is not None:
            it.apply(it.M, r, z)
        it.dot(r, z, RZ_OLD)
        it.divide(BETA, RZ_OLD, RZ)
        it.dot(r, z, RZ)
        it.add(p, 1.0, ONE, z, 1.0, BETA, p)
        it.dot(r, r, RESIDUAL)

    return it.run(begin, step, tol=tol, atol=atol, maxiter=maxiter, callback=callback, check_every=check_every,
                  replay=use_cuda_graph)  # fmt: skip


def cr(
    A: Any,
    b: array,
    x: array,
    tol: float | None = None,
    atol: float | None = None,
    maxiter: int | None = 0,
    M: Any = None,
    callback: Callable[[int, float, float], None] | None = None,
    check_every: int = 10,
    use_cuda_graph: bool = True,
) -> tuple:
    """Solves `A x = b` by conjugate residuals; `A` symmetric, the residual never grows. Arguments as in `cg`."""
    ZAZ, ZAZ_NEW, AMA, ALPHA, BETA = range(FREE, FREE + 5)
    it = Iteration(A, b, x, M, 5)
    r, p, Ap, Az = it.vectors(4)
    z, y = (r, Ap) if M is None else it.vectors(2)

    def begin() -> None:
        it.residual(r)
        if it.M is not None:
            it.apply(it.M, r, z)
        it.apply(it.A, z, Az)
        it.dot(z, Az, ZAZ)
        it.add(p, 1.0, ONE, z, 0.0, ONE, z)
        it.add(Ap, 1.0, ONE, Az, 0.0, ONE, Az)

    def step() -> None:
        it.count()
        if it.M is not None:
            it.apply(it.M, Ap, y)
        it.dot(Ap, y, AMA)
        it.divide(ALPHA, ZAZ, AMA)
        it.add(it.x, 1.0, ONE, it.x, 1.0, ALPHA, p)
        it.add(r, 1.0, ONE, r, -1.0, ALPHA, Ap)
        if it.M is not None:
            it.add(z, 1.0, ONE, z, -1.0, ALPHA, y)
        it.apply(it.A, z, Az)
        it.dot(z, Az, ZAZ_NEW)
        it.divide(BETA, ZAZ_NEW, ZAZ)
        it.dot(z, Az, ZAZ)
        it.add(p, 1.0, ONE, z, 1.0, BETA, p)
        it.add(Ap, 1.0, ONE, Az, 1.0, BETA, Ap)
        it.dot(r, r, RESIDUAL)

    return it.run(begin, step, tol=tol, atol=atol, maxiter=maxiter, callback=callback, check_every=check_every,
                  replay=use_cuda_graph)  # fmt: skip
