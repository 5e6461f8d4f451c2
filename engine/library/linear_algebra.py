"""Vectors and matrices: constructors and algebra, for any length, shape and scalar type."""

from __future__ import annotations

from typing import Any

from engine import types as T
from engine.lang.values import Val, lift
from engine.library.registry import Emit, RuleError, builtin
from engine.library.scalars import dot_of, each

_VEC, _MAT = "Vector", "Matrix"


def _flat(e: Emit, t: Any, args: tuple) -> list:
    """The scalars of constructor arguments, converted where they are literals."""
    comps = []
    for a in args:
        for v in a if isinstance(a, tuple) else (a,):
            v = v if isinstance(v, Val) else lift(e.b, v)
            if v is None:
                raise RuleError(f"{t.name}() got something that is not a number")
            if v.literal:
                v = e.literal_as(v, t.scalar)
            if v.kind in ("struct", "array") or v.scalar is not t.scalar:
                if v.kind in ("vec", "mat", "quat") and len(args) == 1:  # conversion of a whole vector
                    v = Val(t, [e.cast(c, t.scalar) for c in v.comps])
                else:
                    number = t.scalar.name
                    raise RuleError(
                        f"{t.name}() got {v.type.name}; its numbers are expected to be of the type {number}; convert it, "
                        f"e.g. {number}(x)"
                    )
            comps += v.comps
    return comps


@builtin("%vector", _VEC)
def _vector(e: Emit, t: Any, *args: Any, **kw: Any) -> Val:
    comps = _flat(e, t, args)
    if not comps:
        return e.zero(t)
    if len(comps) == 1:
        comps = comps * t.count
    if len(comps) != t.count:
        raise RuleError(f"{t.name}() got {len(comps)} numbers; expected {t.count}, one, or none")
    return Val(t, comps)


@builtin("%matrix", _MAT)
def _matrix(e: Emit, t: Any, *args: Any, **kw: Any) -> Val:
    rows, cols = t.shape
    vectors = len(args) > 1 and all(isinstance(a, Val) and a.kind == "vec" for a in args)
    comps = _flat(e, t, args)
    if not comps:
        return e.zero(t)
    if len(comps) == 1:
        comps = comps * t.count
    if len(comps) != t.count:
        raise RuleError(f"{t.name}() got {len(comps)} numbers; expected {t.count}, one, none, or {cols} columns")
    if vectors:  # vectors given to a matrix are its columns
        comps = [comps[c * rows + r] for r in range(rows) for c in range(cols)]
    return Val(t, comps)


@builtin("vector", _VEC)
def _vector_of(e: Emit, *args: Any, length: Any = None, dtype: Any = None) -> Val:
    """Vector of the given components, or of zeros with `length` and `dtype`; of one vector, its numbers as `dtype`."""
    n = length if isinstance(length, (int, type(None))) else length.constant
    if len(args) == 1 and args[0].kind in ("vec", "quat"):
        given = args[0]
        if n not in (None, given.type.count):
            raise RuleError(f"vector() got {given.type.name} for a length of {n}")
        return _converted(e, given, T.vector(given.type.count, dtype or given.scalar))
    if not args and n is None:
        raise RuleError("vector() got neither numbers nor a length; write vector(length=3, dtype=float)")
    if dtype is None:
        numbers = e.unify("vector()", *args)
        dtype = numbers[0].type
    return _vector(e, T.vector(n or len(args), dtype), *args)


@builtin("matrix", _MAT)
def _matrix_of(e: Emit, *args: Any, shape: Any = None, dtype: Any = None) -> Val:
    """Matrix of the given components (row by row) or columns, or of zeros with `shape` and `dtype`."""
    if len(args) == 1 and isinstance(args[0], Val) and args[0].kind == "mat":
        given = args[0]
        if shape is not None and tuple(s if isinstance(s, int) else s.constant for s in shape) != given.type.shape:
            raise RuleError(f"matrix() got {given.type.name} for another shape")
        return _converted(e, given, T.matrix(given.type.shape, dtype or given.scalar))
    if shape is None:
        if not all(isinstance(a, Val) and a.kind == "vec" for a in args):
            raise RuleError("matrix() needs shape=(rows, columns)")
        shape = (args[0].type.count, len(args))
    shape = tuple(s if isinstance(s, int) else s.constant for s in shape)
    if dtype is None:
        dtype = args[0].scalar
    return _matrix(e, T.matrix(shape, dtype), *args)


def _converted(e: Emit, v: Val, t: Any) -> Val:
    return Val(t, [e.cast(c, t.scalar) for c in v.comps])


@builtin("matrix_from_cols", _MAT)
def _from_cols(e: Emit, *cols: Val) -> Val:
    """Matrix whose columns are the given vectors."""
    return _matrix_of(e, *cols)


@builtin("matrix_from_rows", _MAT)
def _from_rows(e: Emit, *rows: Val) -> Val:
    """Matrix whose rows are the given vectors."""
    return Val(T.matrix((len(rows), rows[0].type.count), rows[0].scalar), [c for r in rows for c in r.comps])


@builtin("identity", _MAT)
def _identity(e: Emit, n: Any = None, dtype: Any = T.float32) -> Val:
    """Identity matrix of `n` rows."""
    n = n if isinstance(n, int) else n.constant
    dtype = T.as_type(dtype)
    return Val(T.matrix((n, n), dtype), [e.const(i == j, dtype) for i in range(n) for j in range(n)])


def _vectors(e: Emit, what: str, *vals: Val) -> None:
    for v in vals:
        e.expect(what, v, "vec", "quat")
        e.same(what, vals[0], v)


@builtin("dot", _VEC)
def _dot(e: Emit, a: Val, b: Val) -> Val:
    """Inner product."""
    _vectors(e, "dot()", a, b)
    return e.scalar(dot_of(e, a.comps, b.comps))


@builtin("ddot", _MAT)
def _ddot(e: Emit, a: Val, b: Val) -> Val:
    """Double inner product of matrices: the sum of the products of their components."""
    e.expect("ddot()", a, "mat")
    e.same("ddot()", a, b)
    return e.scalar(dot_of(e, a.comps, b.comps))


@builtin("cross", _VEC)
def _cross(e: Emit, a: Val, b: Val) -> Val:
    """Cross product of 3-vectors."""
    _vectors(e, "cross()", a, b)
    if a.type.count != 3:
        raise RuleError(f"cross() got {a.type.name}; expected 3-vectors")
    (ax, ay, az), (bx, by, bz) = a.comps, b.comps

    def minor(p, q, r, s):
        return e.op("sub", e.op("mul", p, q), e.op("mul", r, s))

    return Val(a.type, [minor(ay, bz, az, by), minor(az, bx, ax, bz), minor(ax, by, ay, bx)])


@builtin("length_sq", _VEC)
def _length_sq(e: Emit, v: Val) -> Val:
    """Squared Euclidean length."""
    e.expect("length_sq()", v, "vec", "quat")
    return e.scalar(dot_of(e, v.comps, v.comps))


@builtin("length", _VEC)
def _length(e: Emit, v: Val) -> Val:
    """Euclidean length."""
    e.expect("length()", v, "vec", "quat")
    return e.scalar(e.op("sqrt", dot_of(e, v.comps, v.comps)))


@builtin("normalize", _VEC)
def _normalize(e: Emit, v: Val) -> Val:
    """The vector divided by its length; zero for the zero vector."""
    e.expect("normalize()", v, "vec", "quat")
    n = e.op("sqrt", dot_of(e, v.comps, v.comps))
    some = e.op("gt", n, e.const(0.0, n.type))
    inverse = e.op("div", e.const(1.0, n.type), e.op("select", some, n, e.const(1.0, n.type)))
    inverse = e.op("select", some, inverse, e.const(0.0, n.type))
    return Val(v.type, [e.op("mul", c, inverse) for c in v.comps])


@builtin("cw_mul", _VEC)
def _cw_mul(e: Emit, a: Val, b: Val) -> Val:
    """Product component by component."""
    e.same("cw_mul()", a, b)
    return each(e, "mul", a, b)


@builtin("cw_div", _VEC)
def _cw_div(e: Emit, a: Val, b: Val) -> Val:
    """Quotient component by component."""
    e.same("cw_div()", a, b)
    return each(e, "div", a, b)


def _arg_extreme(e: Emit, v: Val, op: str) -> Val:
    best, at = v.comps[0], e.const(0, T.uint32)
    for k, c in enumerate(v.comps[1:], 1):
        better = e.op(op, c, best)
        best, at = e.op("select", better, c, best), e.op("select", better, e.const(k, T.uint32), at)
    return e.scalar(at)


@builtin("argmin", _VEC)
def _argmin(e: Emit, v: Val) -> Val:
    """Index (uint32) of the smallest component."""
    return _arg_extreme(e, e.expect("argmin()", v, "vec"), "lt")


@builtin("argmax", _VEC)
def _argmax(e: Emit, v: Val) -> Val:
    """Index (uint32) of the largest component."""
    return _arg_extreme(e, e.expect("argmax()", v, "vec"), "gt")


@builtin("len", _VEC)
def _len(e: Emit, v: Any) -> Val:
    """Number of components of a vector, rows of a matrix, or elements along the first dimension of an array."""
    if isinstance(v, tuple):
        return lift(e.b, len(v))
    if v.kind == "array":
        return e.scalar(e.cast(v.comps[1], T.int32))
    return lift(e.b, v.type.shape[0])


@builtin("outer", _MAT)
def _outer(e: Emit, a: Val, b: Val) -> Val:
    """Outer product a bᵀ."""
    e.expect("outer()", a, "vec")
    e.expect("outer()", b, "vec")
    return Val(T.matrix((a.type.count, b.type.count), a.scalar), [e.op("mul", x, y) for x in a.comps for y in b.comps])


@builtin("transpose", _MAT)
def _transpose(e: Emit, m: Val) -> Val:
    """Transposed matrix."""
    e.expect("transpose()", m, "mat")
    rows, cols = m.type.shape
    return Val(T.matrix((cols, rows), m.scalar), [m.comps[i * cols + j] for j in range(cols) for i in range(rows)])


@builtin("trace", _MAT)
def _trace(e: Emit, m: Val) -> Val:
    """Sum of the diagonal."""
    n = _square(e, "trace()", m)
    out = m.comps[0]
    for k in range(1, n):
        out = e.op("add", out, m.comps[k * n + k])
    return e.scalar(out)


@builtin("diag", _MAT)
def _diag(e: Emit, v: Val) -> Val:
    """Matrix with the vector on its diagonal."""
    e.expect("diag()", v, "vec")
    n, zero = v.type.count, e.const(0, v.scalar)
    return Val(T.matrix((n, n), v.scalar), [v.comps[i] if i == j else zero for i in range(n) for j in range(n)])


@builtin("get_diag", _MAT)
def _get_diag(e: Emit, m: Val) -> Val:
    """Diagonal of a square matrix as a vector."""
    n = _square(e, "get_diag()", m)
    return Val(T.vector(n, m.scalar), [m.comps[k * n + k] for k in range(n)])


@builtin("skew", _MAT)
def _skew(e: Emit, v: Val) -> Val:
    """Matrix [v]ₓ with [v]ₓ w = v × w."""
    e.expect("skew()", v, "vec")
    if v.type.count != 3:
        raise RuleError(f"skew() got {v.type.name}; expected a 3-vector")
    x, y, z = v.comps
    o = e.const(0, v.scalar)
    return Val(T.matrix((3, 3), v.scalar), [o, e.op("neg", z), y, z, o, e.op("neg", x), e.op("neg", y), x, o])


@builtin("get_row", _MAT)
def _get_row(e: Emit, m: Val, i: Val) -> Val:
    """Row i as a vector."""
    rows, cols = m.type.shape
    comps = []
    for c in range(cols):
        out = m.comps[c]
        for r in range(1, rows):
            out = e.op("select", e.op("eq", i.value, e.const(r, i.type)), m.comps[r * cols + c], out)
        comps.append(out)
    return Val(T.vector(cols, m.scalar), comps)


@builtin("get_col", _MAT)
def _get_col(e: Emit, m: Val, j: Val) -> Val:
    """Column j as a vector."""
    return _get_row(e, _transpose(e, m), j)


def _square(e: Emit, what: str, m: Val) -> int:
    e.expect(what, m, "mat")
    if m.type.shape[0] != m.type.shape[1]:
        raise RuleError(f"{what} got {m.type.name}; expected a square matrix")
    return m.type.shape[0]


def _det(e: Emit, m: list[list]) -> Any:
    """Determinant by cofactors along the first row."""
    n = len(m)
    if n == 1:
        return m[0][0]
    if n == 2:
        return e.op("sub", e.op("mul", m[0][0], m[1][1]), e.op("mul", m[0][1], m[1][0]))
    out = None
    for j in range(n):
        term = e.op("mul", m[0][j], _det(e, [row[:j] + row[j + 1 :] for row in m[1:]]))
        out = term if out is None else e.op("sub" if j % 2 else "add", out, term)
    return out


@builtin("determinant", _MAT)
def _determinant(e: Emit, m: Val) -> Val:
    """Determinant of a square matrix."""
    n = _square(e, "determinant()", m)
    return e.scalar(_det(e, [m.comps[i * n : i * n + n] for i in range(n)]))


@builtin("inverse", _MAT)
def _inverse(e: Emit, m: Val) -> Val:
    """Inverse of a square matrix up to 4×4 by cofactors; zero where the determinant is zero."""
    n = _square(e, "inverse()", m)
    if n > 4:
        raise RuleError(f"inverse() got {m.type.name}; expected at most 4 rows")
    grid = [m.comps[i * n : i * n + n] for i in range(n)]
    det = _det(e, grid)
    regular = e.op("ne", det, e.const(0, det.type))
    scale = e.op(
        "select",
        regular,
        e.op("div", e.const(1, det.type), e.op("select", regular, det, e.const(1, det.type))),
        e.const(0, det.type),
    )
    comps = []
    for i in range(n):
        for j in range(n):
            minor = [row[:i] + row[i + 1 :] for k, row in enumerate(grid) if k != j]
            c = _det(e, minor) if n > 1 else e.const(1, det.type)
            comps.append(e.op("mul", e.op("neg", c) if (i + j) % 2 else c, scale))
    return Val(m.type, comps)
