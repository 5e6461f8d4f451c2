"""These tests are about code for the CPU, whatever device the other tests run on."""

import pytest

import engine as en


@pytest.fixture(autouse=True)
def on_the_host():
    """Makes the CPU the current device."""
    with en.ScopedDevice("cpu"):
        yield
