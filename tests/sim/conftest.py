"""The simulation tests run on the device that `SIMRUN_TEST_DEVICE` names."""

import os

import pytest

import engine as en


@pytest.fixture(autouse=True, scope="session")
def chosen_device():
    """`SIMRUN_TEST_DEVICE=cuda:0 pytest tests/engine tests/sim` runs the same tests on a GPU."""
    name = os.environ.get("SIMRUN_TEST_DEVICE")
    if name:
        en.set_device(name)
    yield
