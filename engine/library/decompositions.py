"""Matrix decompositions: singular values, symmetric eigenvalues, QR. Jacobi rotations, accurate for small values too."""

from __future__ import annotations

from typing import Any

import engine as en
from engine.in_out import takes_out_parameters
from engine.library.functions import library

_GROUP = "Matrix"


@en.func
def _negligible(x: en.float16) -> en.float16:
    """Squared cosine below which two columns count as orthogonal in the precision of x."""
    return en.float16(1.0e-6)


@en.func
def _negligible(x: en.float32) -> en.float32:
    return 1.0e-14


@en.func
def _negligible(x: en.float64) -> en.float64:
    return en.float64(1.0e-31)


@en.func
def _jacobi(alpha: Any, beta: Any, gamma: Any):
    """Cosine and sine of the rotation that makes [alpha gamma; gamma beta] diagonal (Golub and Van Loan, 8.4.2)."""
    one = type(alpha)(1.0)
    if gamma == 0.0:
        return one, type(alpha)(0.0)
    z = (beta - alpha) / (2.0 * gamma)
    if z == 0.0:
        return en.sqrt(0.5 * one), en.sqrt(0.5 * one)
    t = 0.5 / z
    if en.abs(z) < 1.0e8:
        t = en.sign(z) / (en.abs(z) + en.sqrt(1.0 + z * z))
    c = one / en.sqrt(1.0 + t * t)
    return c, c * t


@en.func
def _perpendicular(a: Any):
    """Some unit vector perpendicular to the unit vector a."""
    zero, one = type(a[0])(0.0), type(a[0])(1.0)
    steep = en.abs(a[0]) > 0.6
    return en.normalize(en.cross(a, en.vector(en.where(steep, zero, one), en.where(steep, one, zero), zero)))


@library(_GROUP)
def svd3(A: Any):
    """Singular value decomposition A = U diag(s) Vᵀ of a 3×3 matrix; returns (U, s, V).

    U and V are rotations; s is ordered by size, and its last value is negative where det A is. One-sided Jacobi
    rotations (Hestenes 1958), so that small singular values keep their relative accuracy. Differentiable where the
    singular values differ.
    """
    b0, b1, b2 = A[:, 0], A[:, 1], A[:, 2]
    zero, one = type(A[0, 0])(0.0), type(A[0, 0])(1.0)
    v0, v1, v2 = en.vector(one, zero, zero), en.vector(zero, one, zero), en.vector(zero, zero, one)
    small = _negligible(one)
    sweep, worst = 0, one
    while sweep < 12 and worst > small:
        worst = zero
        for _ in range(3):
            # the columns p and q of this pair come first: (0, 1), (1, 2), (2, 0)
            alpha, beta, gamma = en.dot(b0, b0), en.dot(b1, b1), en.dot(b0, b1)
            if gamma * gamma > small * alpha * beta:
                worst = en.max(worst, gamma * gamma / (alpha * beta))
                c, s = _jacobi(alpha, beta, gamma)
                b0, b1 = c * b0 - s * b1, s * b0 + c * b1
                v0, v1 = c * v0 - s * v1, s * v0 + c * v1
            b0, b1, b2 = b1, b2, b0
            v0, v1, v2 = v1, v2, v0
        sweep += 1
    # order by length; a swap with one sign changed keeps V a rotation
    if en.dot(b0, b0) < en.dot(b1, b1):
        b0, b1 = b1, -b0
        v0, v1 = v1, -v0
    if en.dot(b0, b0) < en.dot(b2, b2):
        b0, b2 = b2, -b0
        v0, v2 = v2, -v0
    if en.dot(b1, b1) < en.dot(b2, b2):
        b1, b2 = b2, -b1
        v1, v2 = v2, -v1
    s0 = en.length(b0)
    u0 = en.vector(one, zero, zero)
    if s0 > 0.0:
        u0 = b0 / s0
    across = b1 - en.dot(u0, b1) * u0
    s1 = en.length(across)
    u1 = _perpendicular(u0)
    if s1 > 0.0:
        u1 = across / s1
    u2 = en.cross(u0, u1)
    return en.matrix_from_cols(u0, u1, u2), en.vector(s0, s1, en.dot(u2, b2)), en.matrix_from_cols(v0, v1, v2)


@library(_GROUP)
def svd2(A: Any):
    """Singular value decomposition A = U diag(s) Vᵀ of a 2×2 matrix; returns (U, s, V), as `svd3`. Differentiable likewise."""
    b0, b1 = A[:, 0], A[:, 1]
    zero, one = type(A[0, 0])(0.0), type(A[0, 0])(1.0)
    c, s = _jacobi(en.dot(b0, b0), en.dot(b1, b1), en.dot(b0, b1))
    b0, b1 = c * b0 - s * b1, s * b0 + c * b1
    v0, v1 = en.vector(c, -s), en.vector(s, c)
    if en.dot(b0, b0) < en.dot(b1, b1):
        b0, b1 = b1, -b0
        v0, v1 = v1, -v0
    s0 = en.length(b0)
    u0 = en.vector(one, zero)
    if s0 > 0.0:
        u0 = b0 / s0
    u1 = en.vector(-u0[1], u0[0])
    return en.matrix_from_cols(u0, u1), en.vector(s0, en.dot(u1, b1)), en.matrix_from_cols(v0, v1)


@library(_GROUP)
def eig3(A: Any):
    """Eigenvalues of a symmetric 3×3 matrix, A = Q diag(d) Qᵀ; returns (Q, d), Q a rotation.

    Of a matrix that is not symmetric, the mean with its transpose counts, so that gradients are symmetric too. Cyclic Jacobi rotations. Differentiable where the eigenvalues differ.
    """
    zero, one = type(A[0, 0])(0.0), type(A[0, 0])(1.0)
    v0, v1, v2 = en.vector(one, zero, zero), en.vector(zero, one, zero), en.vector(zero, zero, one)
    # diagonal d and off-diagonal entries o12 = (0, 1), o23 = (1, 2), o31 = (2, 0)
    d0, d1, d2 = A[0, 0], A[1, 1], A[2, 2]
    o01, o12, o20 = 0.5 * (A[0, 1] + A[1, 0]), 0.5 * (A[1, 2] + A[2, 1]), 0.5 * (A[2, 0] + A[0, 2])
    small = _negligible(one)
    sweep, going = 0, True
    while sweep < 12 and going:
        off = o01 * o01 + o12 * o12 + o20 * o20
        going = off > small * (d0 * d0 + d1 * d1 + d2 * d2)
        for _ in range(3):
            c, s = _jacobi(d0, d1, o01)
            t = en.where(c != 0.0, s / en.where(c != 0.0, c, one), zero) * o01
            d0, d1 = d0 - t, d1 + t
            o20, o12 = c * o20 - s * o12, s * o20 + c * o12
            v0, v1 = c * v0 - s * v1, s * v0 + c * v1
            o01, o12, o20 = o12, o20, zero
            d0, d1, d2 = d1, d2, d0
            v0, v1, v2 = v1, v2, v0
        sweep += 1
    return en.matrix_from_cols(v0, v1, v2), en.vector(d0, d1, d2)


@library(_GROUP)
def qr3(A: Any):
    """A = Q R of a 3×3 matrix, with Q a rotation and R upper triangular; returns (Q, R).

    Givens rotations; the first two diagonal entries of R are not negative. Differentiable for a regular matrix.
    """
    r0, r1, r2 = A[0], A[1], A[2]
    zero, one = type(A[0, 0])(0.0), type(A[0, 0])(1.0)
    q0, q1, q2 = en.vector(one, zero, zero), en.vector(zero, one, zero), en.vector(zero, zero, one)
    c, s = _givens(r0[0], r1[0])
    r0, r1 = c * r0 + s * r1, c * r1 - s * r0
    q0, q1 = c * q0 + s * q1, c * q1 - s * q0
    c, s = _givens(r0[0], r2[0])
    r0, r2 = c * r0 + s * r2, c * r2 - s * r0
    q0, q2 = c * q0 + s * q2, c * q2 - s * q0
    c, s = _givens(r1[1], r2[1])
    r1, r2 = c * r1 + s * r2, c * r2 - s * r1
    q1, q2 = c * q1 + s * q2, c * q2 - s * q1
    upper = en.matrix_from_rows(r0, en.vector(zero, r1[1], r1[2]), en.vector(zero, zero, r2[2]))
    return en.matrix_from_cols(q0, q1, q2), upper


@en.func
def _givens(a: Any, b: Any):
    """Cosine and sine of the rotation that turns (a, b) onto the first axis."""
    n = en.sqrt(a * a + b * b)
    if n > 0.0:
        return a / n, b / n
    return type(a)(1.0), type(a)(0.0)


# programs written for older releases name the places of the results
takes_out_parameters(svd3, 1, 3)
takes_out_parameters(svd2, 1, 3)
takes_out_parameters(qr3, 1, 2)
takes_out_parameters(eig3, 1, 2)
