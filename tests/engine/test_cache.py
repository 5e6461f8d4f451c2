"""The disk cache: relocated, shared, damaged, unwritable, cleared."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import engine as en

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
import engine as en
from engine.cpu import jit

@en.kernel
def double(a: en.array(dtype=float), s: float):
    i = en.tid()
    a[i] = a[i] * 2.0 + s

compiled = []
original = jit.optimise
jit.optimise = lambda *args, **kw: compiled.append(1) or original(*args, **kw)
a = en.ones(5, dtype=float)
en.launch(double, 5, inputs=[a, 1.0])
assert a.list() == [3.0] * 5, a
print(len(compiled))
"""


@pytest.fixture
def run(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def start(cache):
        env = {**os.environ, "PYTHONPATH": str(ROOT), "SIMRUN_CACHE": str(cache)}
        return subprocess.Popen([sys.executable, script], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(process):
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        return int(out)

    return lambda cache, times=1: [finish(p) for p in [start(cache) for _ in range(times)]]


def compiled_files(cache):
    return sorted([*cache.glob("*/*.o"), *cache.glob("*/*.cubin")])


def test_second_process_compiles_nothing(run, tmp_path):
    assert run(tmp_path / "c")[0] > 0
    assert compiled_files(tmp_path / "c")
    assert run(tmp_path / "c") == [0]


def test_processes_at_once_share_the_cache(run, tmp_path):
    run(tmp_path / "c", times=4)
    assert run(tmp_path / "c") == [0]
    assert not list((tmp_path / "c").glob("*/*.part"))


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:-1] + b"x", lambda b: b * 2]
)
def test_damaged_files_are_compiled_again(run, tmp_path, damage):
    run(tmp_path / "c")
    for file in compiled_files(tmp_path / "c"):
        file.write_bytes(damage(file.read_bytes()))
    assert run(tmp_path / "c")[0] > 0
    assert run(tmp_path / "c") == [0]


def test_cache_that_cannot_be_written_only_costs_time(run, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert run(blocked / "cache")[0] > 0


def test_clearing_removes_compiled_code_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMRUN_CACHE", str(tmp_path))
    en.clear_kernel_cache()
    mine = tmp_path / "ab" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("keep")

    @en.kernel
    def k(a: en.array(dtype=float)):
        a[en.tid()] = 5.0

    en.launch(k, 3, inputs=[en.zeros(3, dtype=float)])
    assert compiled_files(tmp_path)
    en.clear_kernel_cache()
    assert not compiled_files(tmp_path) and mine.read_text() == "keep"
