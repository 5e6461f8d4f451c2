"""Launches from several Python threads at once, and the cost of a launch."""

import gc
import os
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import pytest

import engine as en
from engine import quick_launch
from engine.lang.source import Source
from tests.call_count import python_calls


@en.kernel
def count(x: en.array(dtype=en.int64), step: int):
    i = en.tid()
    x[i] = x[i] + en.int64(step)


@en.kernel
def blend(a: en.array(dtype=float), b: en.array(dtype=float), c: en.array(dtype=float), s: float):
    i = en.tid()
    c[i] = a[i] * s + b[i]


def test_threads_launch_at_the_same_time_and_lose_nothing():
    arrays = [en.zeros(200_000, dtype=en.int64) for _ in range(4)]

    def work(k):
        for _ in range(50):
            en.launch(count, 200_000, inputs=[arrays[k], k + 1])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k, a in enumerate(arrays):
        np.testing.assert_array_equal(a.numpy(), 50 * (k + 1))


def test_threads_may_read_kernels_at_the_same_time():
    """CPython's own parser is not safe for that where the collector of garbage lets other threads run meanwhile."""
    failures = []

    def work():
        try:
            for _ in range(20):
                Source(blend.function)
        except BaseException as error:
            failures.append(error)

    threshold = gc.get_threshold()
    gc.callbacks.append(let_others_run)
    gc.set_threshold(20)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(let_others_run)
    assert not failures


def let_others_run(_phase, _facts):
    time.sleep(0)


def test_remembered_launch_still_sees_shared_memory():
    a = en.array(np.arange(64, dtype=np.float32))
    b, c = en.zeros(64, dtype=float), en.zeros(64, dtype=float)
    for _ in range(3):
        en.launch(blend, 60, inputs=[a[:60], b[:60], c[:60], 2.0])
        np.testing.assert_array_equal(c.numpy()[:60], 2 * np.arange(60))
        en.launch(blend, 60, inputs=[a[:60], b[:60], b[2:62], 0.0])
        en.launch(blend, 60, inputs=[a[:60], a[:60], b[:60], -1.0])


def test_remembered_launch_refuses_what_the_first_would():
    x = en.zeros(4, dtype=en.int64)
    en.launch(count, 4, inputs=[x, 1])
    with pytest.raises(en.LaunchError):
        en.launch(count, 4, inputs=[x, 1.5])
    with pytest.raises(en.LaunchError):
        en.launch(count, 4, inputs=[en.zeros(4, dtype=float), 1])
    en.launch(count, 4, inputs=[x, 2.0])
    np.testing.assert_array_equal(x.numpy(), 3)


def test_the_first_launches_of_a_process_may_come_from_several_threads():
    code = """
import threading, numpy as np, engine as en
x = [en.zeros(50_000, dtype=float) for _ in range(8)]
gate = threading.Barrier(8)
def work(k):
    gate.wait()
    for _ in range(20):
        en.launch(fill, 50_000, inputs=[x[k], float(k)])
@en.kernel
def fill(y: en.array(dtype=float), value: float):
    i = en.tid()
    y[i] = y[i] + value
threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
assert all((x[k].numpy() == 20.0 * k).all() for k in range(8))
"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "first.py")
        with open(path, "w") as file:
            file.write(code)
        for _ in range(4):
            done = subprocess.run(
                [sys.executable, path], capture_output=True, text=True, env=dict(os.environ, PYTHONPATH=os.getcwd())
            )
            assert done.returncode == 0, done.stderr


def test_a_launch_runs_little_python():
    """What a launch costs is the Python it runs; benchmarks/kernels.py has the microseconds."""
    quick_launch.compile_entry()
    a, b, c = (en.ones(16, dtype=float) for _ in range(3))
    bound = en.launch(blend, 16, inputs=[a, b, c, 2.0], record_cmd=True)
    with en.ScopedCapture() as capture:
        for _ in range(1000):
            en.launch(blend, 16, inputs=[a, b, c, 2.0])
    for run, most in (
        (lambda: en.launch(blend, 16, inputs=[a, b, c, 2.0]), 4),
        (bound.launch, 10),
        (lambda: en.capture_launch(capture.graph), 20),
    ):
        run()
        assert python_calls(run) <= most
