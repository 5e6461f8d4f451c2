"""Random structured programs give the same numbers in Python and in a kernel."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine as en
from tests.engine.programs import Program, define

_HEAD = """
@en.func
def helper(x: int, y: int) -> int:
    if x < y:
        return (y - x) & 1023
    if x == y:
        return 7
    return (x + y) & 1023

"""
_TAIL = """

@en.kernel
def run(args: en.array2d(dtype=int), rows: en.array2d(dtype=int), out: en.array(dtype=int)):
    t = en.tid()
    out[t] = device(args[t, 0], args[t, 1], args[t, 2], rows[t])
"""
_INPUTS = np.array(
    [[0, 0, 0], [1, 2, 3], [5, 5, 5], [9, 1, 4], [100, 1000, 10], [3, 0, 1023], [7, 6, 5], [2, 2, 1]], dtype=np.int32
)


class Vector(list):
    """What `en.vector` makes in the Python run: plain integers."""

    def __init__(self, *values):
        super().__init__(values)


class Oracle:
    """Stands for the engine when the text runs as plain Python."""

    vector = Vector

    @staticmethod
    def func(f):
        return f


def check(text: str) -> None:
    python = define(_HEAD + text, en=Oracle)
    device = define(_HEAD + text + "\ndevice = en.func(prog)\n" + _TAIL, en=en)
    start = np.arange(8, dtype=np.int32) * 3
    rows_expected, expected = [], []
    for a, b, c in _INPUTS.tolist():
        row = start.tolist()
        expected.append(python["prog"](a, b, c, row))
        rows_expected.append(row)
    rows = en.array(np.tile(start, (len(_INPUTS), 1)), dtype=int)
    out = en.zeros(len(_INPUTS), dtype=int)
    en.launch(device["run"], len(_INPUTS), inputs=[en.array(_INPUTS), rows], outputs=[out])
    np.testing.assert_array_equal(out.numpy(), expected, err_msg=text)
    np.testing.assert_array_equal(rows.numpy(), rows_expected, err_msg=text)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_random_programs_agree_with_python(rng):
    check(Program(rng).text())
