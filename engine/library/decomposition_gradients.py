"""Gradients of matrix decompositions, from their defining equations rather than from the iterations.

The iterations stop where a matrix is diagonal already, and with them the derivative. With A = U diag(s) Vᵀ and
K = UᵀŪ - ŪᵀU, L = VᵀV̄ - V̄ᵀV, the gradient is U (G + diag(s̄)) Vᵀ with, off the diagonal,

    G_ij = (K + L)_ij / (2 (s_j - s_i)) + (K - L)_ij / (2 (s_j + s_i))

(Giles 2008, "An extended collection of matrix derivative results", sorted so that what is singular stands alone). Where
two singular values are equal U and V are not unique and the first term is left out: functions that do not depend on the
choice, such as U Vᵀ or a sum over s, keep their exact gradient. The same holds for equal eigenvalues.
"""

from __future__ import annotations

from typing import Any

import engine as en
from engine.autodiff.custom_gradient import func_grad
from engine.library.decompositions import eig3, svd2, svd3


@en.func
def _resolution(x: en.float16) -> en.float16:
    """Relative difference below which two numbers of the type of x count as equal."""
    return en.float16(2.0e-3)


@en.func
def _resolution(x: en.float32) -> en.float32:
    return 1.0e-7


@en.func
def _resolution(x: en.float64) -> en.float64:
    return en.float64(1.0e-7)


@en.func
def _reciprocal(x: Any, size: Any):
    """1/x, or 0 where x is zero within the rounding of numbers of that size."""
    zero, one = type(x)(0.0), type(x)(1.0)
    regular = en.abs(x) > size * _resolution(x)
    return en.where(regular, one / en.where(regular, x, one), zero)


@en.func
def _between(k: Any, l: Any, si: Any, sj: Any, size: Any):
    return 0.5 * (k + l) * _reciprocal(sj - si, size) + 0.5 * (k - l) * _reciprocal(sj + si, size)


@func_grad(svd3)
def _svd3_gradient(A: Any, adj_U: Any, adj_s: Any, adj_V: Any):
    U, s, V = svd3(A)
    x = en.transpose(U) * adj_U
    y = en.transpose(V) * adj_V
    k = x - en.transpose(x)
    l = y - en.transpose(y)
    g = en.diag(adj_s)
    for i in range(3):
        for j in range(3):
            if i != j:
                g[i, j] = _between(k[i, j], l[i, j], s[i], s[j], s[0])
    en.adjoint[A] += U * g * en.transpose(V)


@func_grad(svd2)
def _svd2_gradient(A: Any, adj_U: Any, adj_s: Any, adj_V: Any):
    U, s, V = svd2(A)
    x = en.transpose(U) * adj_U
    y = en.transpose(V) * adj_V
    k = x[0, 1] - x[1, 0]
    l = y[0, 1] - y[1, 0]
    g = en.diag(adj_s)
    g[0, 1] = _between(k, l, s[0], s[1], s[0])
    g[1, 0] = _between(-k, -l, s[1], s[0], s[0])
    en.adjoint[A] += U * g * en.transpose(V)


@func_grad(eig3)
def _eig3_gradient(A: Any, adj_Q: Any, adj_d: Any):
    Q, d = eig3(A)
    x = en.transpose(Q) * adj_Q
    size = en.abs(d[0]) + en.abs(d[1]) + en.abs(d[2])
    g = en.diag(adj_d)
    for i in range(3):
        for j in range(3):
            if i != j:
                g[i, j] = x[i, j] * _reciprocal(d[j] - d[i], size)
    full = Q * g * en.transpose(Q)
    en.adjoint[A] += 0.5 * (full + en.transpose(full))
