"""Which device the engine's and the simulation's tests run on.

`SIMRUN_TEST_DEVICE=cuda:0 pytest tests/engine tests/sim` runs the same tests on a GPU (`python tests/cuda/run_suite.py`
does it in parallel), `SIMRUN_TEST_DEVICE=stand-in` on a stand-in for the CUDA driver, which needs no GPU.
"""

import os
import sys

import pytest

import engine as en

CHOSEN = os.environ.get("SIMRUN_TEST_DEVICE", "cpu")
if CHOSEN == "stand-in":
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "cuda"))
    import stand_in

    stand_in.install()
    CHOSEN = "cuda:0"


def pytest_configure(config):
    config.addinivalue_line("markers", "cpu_only(why): what is tested exists on the CPU only, or is of the host alone")


def pytest_collection_modifyitems(items):
    for item in items:
        mark = item.get_closest_marker("cpu_only")
        if mark is not None and CHOSEN != "cpu":
            item.add_marker(pytest.mark.skip(reason=f"for the CPU: {mark.args[0]}"))


@pytest.fixture(autouse=True, scope="session")
def chosen_device():
    """Makes the chosen device the current one."""
    en.set_device(CHOSEN)
    yield


@pytest.fixture
def device():
    """The device that tests run on."""
    return en.get_device(CHOSEN)
