"""Which device the engine's and the simulation's tests run on.

`SIMRUN_TEST_DEVICE=cuda:0 pytest tests/engine tests/sim` runs the same tests on a GPU (`python tests/cuda/run_suite.py`
does it in parallel), `SIMRUN_TEST_DEVICE=stand-in` on a stand-in for the CUDA driver, which needs no GPU.
"""

import os
import sys

import pytest

import engine as en

CHOSEN = os.environ.get("SIMRUN_TEST_DEVICE", "cpu")
STAND_IN = CHOSEN == "stand-in"
#: tests that count memory or Python calls, of which the stand-in needs more of its own
_NOT_ON_STAND_IN = (
    "test_redefined_kernels_are_freed_with_their_code",
    "test_compiling_leaves_little_behind",
    "test_a_launch_runs_little_python",
)
if STAND_IN:
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "cuda"))
    import stand_in

    stand_in.install()
    CHOSEN = "cuda:0"


def pytest_configure(config):
    config.addinivalue_line("markers", "cpu_only(why): what is tested exists on the CPU only, or is of the host alone")


def pytest_collection_modifyitems(config, items):
    part, parts = map(int, os.environ.get("SIMRUN_TEST_SHARD", "1/1").split("/"))
    config.hook.pytest_deselected(items=[item for k, item in enumerate(items) if k % parts != part - 1])
    items[:] = items[part - 1 :: parts]
    for item in items:
        mark = item.get_closest_marker("cpu_only")
        if mark is not None and CHOSEN != "cpu":
            item.add_marker(pytest.mark.skip(reason=f"for the CPU: {mark.args[0]}"))
        if STAND_IN and item.name in _NOT_ON_STAND_IN:
            item.add_marker(pytest.mark.skip(reason="counts what the stand-in needs itself"))


@pytest.fixture(autouse=True, scope="session")
def chosen_device():
    """Makes the chosen device the current one."""
    en.set_device(CHOSEN)
    yield


@pytest.fixture
def device():
    """The device that tests run on."""
    return en.get_device(CHOSEN)
