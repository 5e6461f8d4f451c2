"""These tests share memory of the host, whatever device the other tests run on; `tests/cuda` shares that of a GPU."""

import pytest

import engine as en


@pytest.fixture(autouse=True)
def on_the_host():
    """Makes the CPU the current device."""
    with en.ScopedDevice("cpu"):
        yield
