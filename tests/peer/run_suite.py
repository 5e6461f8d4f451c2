#!/usr/bin/env python3
"""Runs unit tests of the peer's suite against this engine, with stand-ins for what they import of its private parts.

    python tests/peer/run_suite.py --tests W/peer/warp/tests [FILE ...] [--json out.json] [--case NAME] [--full]

The peer itself is never imported. `import warp` gives `engine`, `warp.sim` gives `sim`, `warp.optim` gives
`engine.optim` …, `warp.tests` the given folder. A name of `warp._src` gives what the engine has under that name, or else a
stand-in that raises `PrivateName` when it is used: so a file runs although it imports private names, and only the cases
that need them fail. `warp.examples` gives the folder of assets beside the tests.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.abc
import importlib.util
import io
import json
import os
import subprocess
import sys
import time
import types
import unittest
from collections.abc import Iterator

MARK = "\n@@"


class PrivateName(AttributeError):
    """A test uses a part of the peer that is not its public interface."""


class StandIn:
    """Takes the place of a private object; every use of it raises `PrivateName`."""

    def __init__(self, name: str):
        self.__dict__["_name"] = name

    def _refuse(self, *_, **__):
        raise PrivateName(f"{self._name} is private to the peer")

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(f"{self._name}.{name}")

    def __mro_entries__(self, _):
        return ()

    __call__ = __getitem__ = __setattr__ = __iter__ = __enter__ = __bool__ = __eq__ = __instancecheck__ = _refuse
    __hash__ = object.__hash__


def equivalents() -> dict[str, object]:
    """Facts about the engine under private names that tests use to enumerate cases."""
    import numpy as np

    types = sys.modules["engine"].types

    class ByNumpyType(dict):
        def __missing__(self, key):
            return self[np.dtype(key).type]

    numbers = ByNumpyType({np.dtype(t.np_dtype).type: t for t in types.scalar_and_bool_types})

    def strides_from_shape(shape, dtype):
        size = types.as_type(dtype).size
        return tuple(size * int(np.prod(shape[d + 1 :])) for d in range(len(shape)))

    return {"np_dtype_to_warp_type": numbers, "non_atomic_types": (), "strides_from_shape": strides_from_shape}


def public(name: str):
    """What the engine offers under a name that a test takes from a private module; None if there is nothing."""
    engine = sys.modules["engine"]
    if name in (known := equivalents()):
        return known[name]
    for scope in (engine, engine.types, importlib.import_module("engine.errors")):
        if not isinstance(getattr(scope, name, None), types.ModuleType):
            if hasattr(scope, name):
                return getattr(scope, name)
    return None


def a_struct():
    """A struct for tests that import one from a package that is not ours to be."""
    engine = sys.modules["engine"]
    return engine.struct(type("Sample", (), {"__annotations__": {"index": int, "weight": float}}))


class PrivateModule(types.ModuleType):
    """A module below `warp._src`."""

    __path__ = ()

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        found = public(name)
        if found is None and importlib.util.find_spec("engine." + name) is not None:
            return importlib.import_module(f"{self.__name__}.{name}")
        return StandIn(f"{self.__name__}.{name}") if found is None else found


class Root(types.ModuleType):
    """The module `warp`: the engine, and packages that exist for tests only."""

    def __getattr__(self, name: str):
        if name in ("_src", "tests", "examples"):
            return importlib.import_module("warp." + name)
        try:
            return getattr(sys.modules["engine"], name)
        except AttributeError:
            if importlib.util.find_spec("engine." + name) is None:
                raise
            return importlib.import_module("engine." + name)

    def __dir__(self):
        return dir(sys.modules["engine"])


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules of the peer's names."""

    def __init__(self, tests: str):
        self.tests = tests

    def find_spec(self, name, path=None, target=None):
        if name == "warp" or (name.startswith("warp.") and not name.startswith("warp.tests.")):
            return importlib.util.spec_from_loader(name, self, is_package=True)
        return None

    def create_module(self, spec):
        name = spec.name
        if name == "warp":
            module = Root("warp")
        elif name == "warp.tests":
            module = types.ModuleType(name)
            module.__path__ = [self.tests]
            return module
        elif name == "warp.examples":
            module = types.ModuleType(name)
            assets = os.path.join(os.path.dirname(self.tests), "examples", "assets")
            module.get_asset_directory = lambda: assets
        elif name == "warp.fem":
            module = PrivateModule(name)
            module.Sample = a_struct()  # a test only needs some struct of another module
        elif name.startswith("warp._src"):
            module = PrivateModule(name)
        else:
            package = "sim" if name.startswith("warp.sim") else "engine"
            rest = name.removeprefix("warp.sim" if package == "sim" else "warp")
            try:
                return importlib.import_module(package + rest)
            except ModuleNotFoundError:
                module = PrivateModule(name)  # a part of the peer that is not ours to be
        module.__path__ = []
        return module

    def exec_module(self, module):
        pass


def cases_of(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for entry in suite:
        if isinstance(entry, unittest.TestSuite):
            yield from cases_of(entry)
        else:
            yield entry


def run_file(tests: str, file: str, wanted: list[str], full: bool) -> dict:
    """Runs one file in this process; the result row."""
    start, row = time.time(), {"file": file}
    try:
        importlib.import_module("engine")
        sys.meta_path.insert(0, Finder(tests))
        module = importlib.import_module("warp.tests." + file[:-3].replace("/", "."))
        found = list(cases_of(unittest.defaultTestLoader.loadTestsFromModule(module)))
        chosen = [c for c in found if not wanted or any(w in c.id() for w in wanted)]
        result = unittest.TextTestRunner(stream=io.StringIO(), verbosity=0).run(unittest.TestSuite(chosen))
        bad = [(c.id().rpartition(".")[2] if not hasattr(c, "test_case") else c.test_case.id().rpartition(".")[2], text)
               for c, text in result.failures + result.errors]  # fmt: skip
        failed = {name for name, _ in bad}
        row.update(
            cases=result.testsRun,
            passed=result.testsRun - len(failed) - len(result.skipped),
            skipped=len(result.skipped),
            private=len({name for name, text in bad if "PrivateName" in text}),
            bad=[(name, text if full else last_words(text)) for name, text in bad],
        )
    except BaseException as error:  # a file that does not import scores nothing
        import traceback

        row["error"] = traceback.format_exc()[-1500:] if full else f"{type(error).__name__}: {error}"[:300]
    row["seconds"] = round(time.time() - start, 1)
    return row


def last_words(text: str) -> str:
    """The message at the end of a traceback."""
    lines = text.strip().splitlines()
    for k in range(len(lines) - 1, -1, -1):
        if lines[k] and not lines[k][0].isspace() and ": " in lines[k][:120]:
            return " ".join(line.strip() for line in lines[k : k + 6])[:400]
    return lines[-1][:400]


def in_process(tests: str, file: str, options: list[str], timeout: int) -> dict:
    command = [sys.executable, os.path.abspath(__file__), "--tests", tests, "--one", file, *options]
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env, check=False)
    except subprocess.TimeoutExpired:
        return {"file": file, "error": f"no end in {timeout} s"}
    rows = done.stdout.rpartition(MARK)[2] if MARK in done.stdout else ""
    return json.loads(rows) if rows else {"file": file, "error": f"exit {done.returncode}: {done.stderr[-500:]}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--tests", required=True)
    parser.add_argument("--case", action="append", default=[], help="only cases whose name contains this")
    parser.add_argument("--full", action="store_true", help="whole tracebacks")
    parser.add_argument("--json")
    parser.add_argument("--timeout", type=int, default=900)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    tests = os.path.abspath(args.tests)
    if args.one:
        out = os.dup(1)  # tests may redirect the standard output and fail before they restore it
        row = run_file(tests, args.one, args.case, args.full)
        sys.stdout.flush()
        os.write(out, (MARK + json.dumps(row)).encode())
        os._exit(0)
    options = [x for c in args.case for x in ("--case", c)] + (["--full"] if args.full else [])
    rows = []
    for file in args.files:
        row = in_process(tests, file, options, args.timeout)
        rows.append(row)
        print(f"{file:44} {row.get('passed', 0):4}/{row.get('cases', 0):<4} skip {row.get('skipped', 0):<3} "
              f"private {row.get('private', 0):<3} {row.get('seconds', '-'):>6} s  {row.get('error', '')}", flush=True)  # fmt: skip
        for name, text in {name: text for name, text in reversed(row.get("bad", []))}.items():
            print(f"      {name}: {text}", flush=True)
    if args.json:
        with open(args.json, "w") as out:
            json.dump(rows, out, indent=1)
    passed, total, skipped, private = (
        sum(r.get(k, 0) for r in rows) for k in ("passed", "cases", "skipped", "private")
    )
    print(f"score {passed}/{total} passed, {skipped} skipped, {private} need private names")


if __name__ == "__main__":
    main()
