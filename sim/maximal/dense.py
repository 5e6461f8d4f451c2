"""Small dense systems in scratch memory."""

import engine as en


@en.func
def factor_six(
    words: en.array(dtype=float), matrix: int, factor: int, scale: en.array(dtype=float), scale_at: int, six: int
):
    """Cholesky factor of a positive semidefinite 6 x 6 matrix; its redundant rows get a zero on the diagonal.

    A row is redundant when what is left of its diagonal is rounding, measured by ``scale``.
    """
    for i in range(six):
        for k in range(i + 1):
            s = words[matrix + 6 * i + k]
            for m in range(k):
                s = s - words[factor + 6 * i + m] * words[factor + 6 * k + m]
            if i == k:
                words[factor + 7 * i] = en.where(s > 1.0e-5 * scale[scale_at + i], en.sqrt(en.max(s, 0.0)), 0.0)
            else:
                d = words[factor + 7 * k]
                words[factor + 6 * i + k] = en.where(d > 0.0, s / en.max(d, 1.0e-30), 0.0)


@en.func
def solve_six(words: en.array(dtype=float), factor: int, x: en.array(dtype=float), at: int, six: int):
    """Solves in place with a factor of ``factor_six``; redundant unknowns become zero."""
    for i in range(six):
        s = x[at + i]
        for m in range(i):
            s = s - words[factor + 6 * i + m] * x[at + m]
        d = words[factor + 7 * i]
        x[at + i] = en.where(d > 0.0, s / en.max(d, 1.0e-30), 0.0)
    for back in range(six):
        i = six - 1 - back
        s = x[at + i]
        for m in range(i + 1, six):
            s = s - words[factor + 6 * m + i] * x[at + m]
        d = words[factor + 7 * i]
        x[at + i] = en.where(d > 0.0, s / en.max(d, 1.0e-30), 0.0)
