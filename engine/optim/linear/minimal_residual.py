"""BiCGSTAB and GMRES, for matrices without symmetry.

Sources: van der Vorst, "Bi-CGSTAB", SIAM J. Sci. Stat. Comput. 13 (1992); Saad and Schultz, "GMRES", same journal 7
(1986), with modified Gram-Schmidt and Givens rotations.
"""

from collections.abc import Callable
from typing import Any

import engine as en
from engine.arrays import array
from engine.optim.linear.iteration import FREE, ONE, RESIDUAL, TOLERANCE, Iteration


def bicgstab(
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
    is_left_preconditioner: bool = False,
) -> tuple:
    """Solves `A x = b` by stabilised bi-conjugate gradients; `A` need not be symmetric.

    Args:
        is_left_preconditioner: whether the stabilising step minimises the preconditioned residual, else the residual.
            The other arguments and the result are as in `cg`.
    """
    RHO, RHO_OLD, RV, ALPHA, OMEGA, BETA, TS, TT, RATIO, MIXED = range(FREE, FREE + 10)
    it = Iteration(A, b, x, M, 10)
    r, shadow, p, v, t = it.vectors(5)
    y, z = (p, r) if M is None else it.vectors(2)
    left = is_left_preconditioner and M is not None
    Mt = it.vector() if left else t

    def begin() -> None:
        it.residual(r)
        it.add(shadow, 1.0, ONE, r, 0.0, ONE, r)
        it.add(p, 1.0, ONE, r, 0.0, ONE, r)
        it.dot(shadow, r, RHO)

    def step() -> None:
        it.count()
        if it.M is not None:
            it.apply(it.M, p, y)
        it.apply(it.A, y, v)
        it.dot(shadow, v, RV)
        it.divide(ALPHA, RHO, RV)
        it.add(it.x, 1.0, ONE, it.x, 1.0, ALPHA, y)
        it.add(r, 1.0, ONE, r, -1.0, ALPHA, v)  # the half step; named s in the paper
        if it.M is not None:
            it.apply(it.M, r, z)
        it.apply(it.A, z, t)
        if left:
            it.apply(it.M, t, Mt)
        it.dot(Mt, z if left else r, TS)
        it.dot(Mt, Mt, TT)
        it.divide(OMEGA, TS, TT)
        it.add(it.x, 1.0, ONE, it.x, 1.0, OMEGA, z)
        it.add(r, 1.0, ONE, r, -1.0, OMEGA, t)
        it.dot(shadow, r, RHO_OLD)  # swapped below: beta = (rho_new / rho) (alpha / omega)
        it.divide(RATIO, RHO_OLD, RHO)
        it.divide(MIXED, ALPHA, OMEGA)
        en.launch(multiply, 1, inputs=[it.s, BETA, RATIO, MIXED], record_tape=False)
        it.dot(shadow, r, RHO)
        it.add(p, 1.0, ONE, p, -1.0, OMEGA, v)
        it.add(p, 1.0, ONE, r, 1.0, BETA, p)
        it.dot(r, r, RESIDUAL)

    return it.run(begin, step, tol=tol, atol=atol, maxiter=maxiter, callback=callback, check_every=check_every,
                  replay=use_cuda_graph)  # fmt: skip


def gmres(
    A: Any,
    b: array,
    x: array,
    tol: float | None = None,
    atol: float | None = None,
    restart: int = 31,
    maxiter: int | None = 0,
    M: Any = None,
    callback: Callable[[int, float, float], None] | None = None,
    check_every: int = 31,
    use_cuda_graph: bool = True,
    is_left_preconditioner: bool = False,
) -> tuple:
    """Solves `A x = b` by the generalised minimal residual method, restarted; `A` need not be symmetric.

    Args:
        restart: number of basis vectors, which are that much memory; iterations come in multiples of it.
        is_left_preconditioner: whether `M A x = M b` is minimised, else `A M y = b` with `x = M y`.
            The other arguments and the result are as in `cg`.
    """
    limit = maxiter or b.size * b.dtype.count
    m = max(1, min(restart, limit, b.size * b.dtype.count))
    # coefficients: norm of the first basis vector, then the (m + 1) x m Hessenberg matrix, its rotations, the solution
    NORM, H = FREE, FREE + 1
    Y = H + (m + 1) * m
    it = Iteration(A, b, x, M, 1 + (m + 1) * m + m)
    left = is_left_preconditioner and M is not None
    basis, r, w = it.vectors(m + 1), it.vector(), it.vector()
    rotations, g = en.zeros((m, 2), dtype=en.float64), en.zeros(m + 1, dtype=en.float64)

    def normalise(v: array, out: array, norm: int) -> None:
        it.dot(v, v, norm)
        en.launch(root, 1, inputs=[it.s, norm], record_tape=False)
        en.launch(it.kernels.divided, v.size, inputs=[v, it.s, norm, out], record_tape=False)

    def product(v: array, out: array) -> None:
        """out = M A v (left) or A M v (right)."""
        first, second = (it.A, it.M) if left else (it.M, it.A)
        it.apply(first, v, r)
        it.apply(second, r, out)

    def begin() -> None:
        it.residual(r)

    def step() -> None:
        it.count(m)
        if left:
            it.apply(it.M, r, w)
        normalise(w if left else r, basis[0], NORM)
        for j in range(m):
            product(basis[j], w)
            for i in range(j + 1):
                it.dot(w, basis[i], H + i * m + j)
                it.add(w, 1.0, ONE, w, -1.0, H + i * m + j, basis[i])
            normalise(w, basis[j + 1], H + (j + 1) * m + j)
        en.launch(least_squares, 1, inputs=[it.s, NORM, H, Y, m, rotations, g], record_tape=False)
        it.add(w, 1.0, Y, basis[0], 0.0, ONE, basis[0])
        for j in range(1, m):
            it.add(w, 1.0, ONE, w, 1.0, Y + j, basis[j])
        if it.M is not None and not left:
            it.apply(it.M, w, r)
            it.add(it.x, 1.0, ONE, it.x, 1.0, ONE, r)
        else:
            it.add(it.x, 1.0, ONE, it.x, 1.0, ONE, w)
        it.residual(r)

    return it.run(begin, step, tol=tol, atol=atol, maxiter=limit, callback=callback, check_every=check_every,
                  replay=use_cuda_graph, steps_at_once=m)  # fmt: skip


@en.kernel
def multiply(s: en.array(dtype=en.float64), out: int, a: int, b: int):
    s[out] = s[a] * s[b]


@en.kernel
def root(s: en.array(dtype=en.float64), k: int):
    s[k] = en.sqrt(s[k])


@en.kernel
def least_squares(
    s: en.array(dtype=en.float64),
    norm: int,
    H: int,
    Y: int,
    m: int,
    rotations: en.array2d(dtype=en.float64),
    g: en.array(dtype=en.float64),
):
    """Minimises |norm e1 - H y|: H becomes triangular by Givens rotations, then back substitution into s[Y...]."""
    zero = en.float64(0.0)
    for i in range(m + 1):
        g[i] = zero
    g[0] = s[norm]
    for j in range(m):
        for i in range(j):
            upper = s[H + i * m + j]
            lower = s[H + (i + 1) * m + j]
            s[H + i * m + j] = rotations[i, 0] * upper + rotations[i, 1] * lower
            s[H + (i + 1) * m + j] = rotations[i, 0] * lower - rotations[i, 1] * upper
        a = s[H + j * m + j]
        b = s[H + (j + 1) * m + j]
        size = en.sqrt(a * a + b * b)
        c = en.float64(1.0)
        d = zero
        if size > zero:
            c = a / size
            d = b / size
        rotations[j, 0] = c
        rotations[j, 1] = d
        s[H + j * m + j] = size
        g[j + 1] = -d * g[j]
        g[j] = c * g[j]
    # a pivot that vanished belongs to a basis vector that does not exist: the space was exhausted before
    largest = zero
    for j in range(m):
        largest = en.max(largest, s[H + j * m + j])
    for back in range(m):
        j = m - 1 - back
        total = g[j]
        for k in range(j + 1, m):
            total -= s[H + j * m + k] * s[Y + k]
        pivot = s[H + j * m + j]
        value = zero
        if pivot > largest * en.float64(1e-14) and s[RESIDUAL] > s[TOLERANCE]:
            value = total / pivot
        s[Y + j] = value
