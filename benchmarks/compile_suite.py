"""Runs one file of the peer's tests on our engine and prints how long each kernel took to compile [ms], as JSON.

`python benchmarks/compile_suite.py TESTS test_vec`, with an empty `SIMRUN_CACHE`.
"""

import importlib
import io
import json
import os
import sys
import time
import types
import unittest

sys.path.insert(0, os.getcwd())


def main() -> None:
    tests, name = sys.argv[1:]
    engine = importlib.import_module("engine")
    variant = sys.modules["engine.cpu.variant"].Variant
    original, times = variant.__init__, []

    def timed(self, *args, **kw):
        start = time.perf_counter()
        original(self, *args, **kw)
        times.append(1e3 * (time.perf_counter() - start))

    variant.__init__ = timed
    sys.modules["warp"] = engine
    package = types.ModuleType("warp.tests")
    package.__path__ = [tests]
    sys.modules["warp.tests"] = package
    module = importlib.import_module(f"warp.tests.{name}")
    cases = unittest.defaultTestLoader.loadTestsFromModule(module)
    unittest.TextTestRunner(stream=io.StringIO(), verbosity=0).run(cases)
    print("\ntimes " + json.dumps(times))


if __name__ == "__main__":
    main()
