"""Linear operators: what the solvers ask of a matrix."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import engine as en
from engine import types as T
from engine.errors import EngineError
from engine.once import made_once
from engine.optim.parameters import flat


class LinearOperator:
    """A square matrix known by its products with vectors.

    Args:
        shape: (rows, columns), in elements of the vectors.
        dtype: element type of the vectors.
        device: where it computes.
        matvec: `matvec(x, y, z, alpha, beta)` sets `z = alpha A x + beta y`; `z` may be `y`.
        capturable: whether `matvec` only launches kernels, so that iterations may be recorded once and replayed.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        dtype: Any,
        device: Any = None,
        matvec: Callable | None = None,
        *,
        capturable: bool = False,
    ):
        if not callable(matvec):
            raise EngineError(f"LinearOperator: matvec is {matvec!r}; expected a function (x, y, z, alpha, beta)")
        self.shape, self.dtype, self.device = tuple(shape), T.as_type(dtype), en.get_device(device)
        self.matvec, self.capturable = matvec, capturable
        #: diagonal of the matrix as NumPy data, where it is known
        self.diagonal: Callable[[], np.ndarray] | None = None

    @property
    def scalar_type(self) -> T.ScalarType:
        return self.dtype.scalar


def aslinearoperator(A: Any, like: Any = None) -> LinearOperator:
    """`A` as an operator.

    Args:
        A: an operator; a two-dimensional array (dense) or a one-dimensional array (diagonal, of numbers, vectors or
            square blocks); or, where `like` tells the shape, a function `(x, y, z, alpha, beta)`.
        like: a vector that the operator acts on.

    Raises:
        EngineError: `A` is something else, or not square.
    """
    if isinstance(A, LinearOperator):
        return A
    if isinstance(A, en.array) and A.ndim <= 2:
        return _dense(A) if A.ndim == 2 else _diagonal(A)
    if callable(A) and like is not None:
        return LinearOperator((like.shape[0], like.shape[0]), like.dtype, like.device, A)
    raise EngineError(
        f"a linear operator cannot be made of {type(A).__name__}; expected an array of one or two dimensions, "
        "a LinearOperator, or a function (x, y, z, alpha, beta)"
    )


def preconditioner(A: Any, ptype: str = "diag") -> LinearOperator:
    """An operator close to the inverse of `A`: "diag" (Jacobi), "diag_abs" (by absolute values) or "id" (identity).

    Raises:
        EngineError: the diagonal of `A` is not known, or `ptype` is something else.
    """
    A = aslinearoperator(A)
    if ptype == "id":
        return LinearOperator(A.shape, A.dtype, A.device, _scaled_identity, capturable=True)
    if ptype not in ("diag", "diag_abs"):
        raise EngineError(f"preconditioner: got ptype={ptype!r}; expected 'diag', 'diag_abs' or 'id'")
    if A.diagonal is None:
        raise EngineError("preconditioner: the diagonal of this operator is not known; pass M=LinearOperator(...)")
    d = A.diagonal().astype(np.float64)
    d = np.abs(d) if ptype == "diag_abs" else d
    inverse = np.divide(1.0, d, out=np.ones_like(d), where=d != 0.0)
    values = en.array(inverse.reshape(-1), dtype=A.scalar_type)
    return LinearOperator(A.shape, A.dtype, A.device, functools.partial(_multiply_diagonal, values), capturable=True)


def _dense(A: en.array) -> LinearOperator:
    if A.shape[0] != A.shape[1] or A.dtype.kind != "scalar":
        raise EngineError(f"a matrix of shape {A.shape} of {T.type_name(A.dtype)}; expected a square one of numbers")
    rows = _kernels(A.dtype).rows
    stride = A if A.is_contiguous else A.contiguous()

    def matvec(x: en.array, y: en.array, z: en.array, alpha: float, beta: float) -> None:
        en.launch(rows, A.shape[0], inputs=[stride, x, y, z, alpha, beta], record_tape=False)

    out = LinearOperator(A.shape, A.dtype, A.device, matvec, capturable=True)
    out.diagonal = lambda: np.diagonal(A.numpy())
    return out


def _diagonal(A: en.array) -> LinearOperator:
    n = A.shape[0]
    if A.dtype.kind != "mat":
        values = flat(A, "linear operator: the diagonal")
        product = functools.partial(_multiply_diagonal, values)
        out = LinearOperator((n, n), A.dtype, A.device, product, capturable=True)
        out.diagonal = lambda: A.numpy()
        return out
    size = A.dtype.shape[0]
    if A.dtype.shape != (size, size):
        raise EngineError(f"a diagonal of {T.type_name(A.dtype)}; expected square blocks")
    blocks, values = _kernels(A.dtype.scalar).blocks, flat(A, "linear operator: the diagonal")

    def matvec(x: en.array, y: en.array, z: en.array, alpha: float, beta: float) -> None:
        x, y, z = (flat(v, "matvec") for v in (x, y, z))
        en.launch(blocks, n * size, inputs=[values, size, x, y, z, alpha, beta], record_tape=False)

    out = LinearOperator((n, n), T.vector(size, A.dtype.scalar), A.device, matvec, capturable=True)
    out.diagonal = lambda: np.diagonal(A.numpy(), axis1=-2, axis2=-1)
    return out


def _multiply_diagonal(d: en.array, x: en.array, y: en.array, z: en.array, alpha: float, beta: float) -> None:
    x, y, z = (flat(v, "matvec") for v in (x, y, z))
    en.launch(_kernels(d.dtype).scaled, d.size, inputs=[d, x, y, z, alpha, beta], record_tape=False)


def _scaled_identity(x: en.array, y: en.array, z: en.array, alpha: float, beta: float) -> None:
    x, y, z = (flat(v, "matvec") for v in (x, y, z))
    en.launch(_kernels(x.dtype).sum, x.size, inputs=[x, y, z, alpha, beta], record_tape=False)


class _Kernels:
    """Products with a vector, for one scalar type; sums of products are added up in float64."""

    def __init__(self, scalar: T.ScalarType):
        vector, matrix = en.array(dtype=scalar), en.array2d(dtype=scalar)

        @en.kernel
        def rows(A: matrix, x: vector, y: vector, z: vector, alpha: scalar, beta: scalar):
            i = en.tid()
            total = en.float64(0.0)
            for j in range(A.shape[1]):
                total += en.float64(A[i, j]) * en.float64(x[j])
            old = scalar(0.0)
            if beta != scalar(0.0):  # what beta = 0 hides may be infinite
                old = beta * y[i]
            z[i] = alpha * scalar(total) + old

        @en.kernel
        def blocks(A: vector, size: int, x: vector, y: vector, z: vector, alpha: scalar, beta: scalar):
            i = en.tid()
            first = i / size * size
            total = en.float64(0.0)
            for j in range(size):
                total += en.float64(A[i * size + j]) * en.float64(x[first + j])
            old = scalar(0.0)
            if beta != scalar(0.0):
                old = beta * y[i]
            z[i] = alpha * scalar(total) + old

        @en.kernel
        def scaled(d: vector, x: vector, y: vector, z: vector, alpha: scalar, beta: scalar):
            i = en.tid()
            old = scalar(0.0)
            if beta != scalar(0.0):
                old = beta * y[i]
            z[i] = alpha * d[i] * x[i] + old

        @en.kernel
        def sum(x: vector, y: vector, z: vector, alpha: scalar, beta: scalar):
            i = en.tid()
            old = scalar(0.0)
            if beta != scalar(0.0):
                old = beta * y[i]
            z[i] = alpha * x[i] + old

        self.rows, self.blocks, self.scaled, self.sum = rows, blocks, scaled, sum


_kernels = made_once(_Kernels)
