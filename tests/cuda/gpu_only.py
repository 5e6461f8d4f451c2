"""What tests share that need a real GPU: `pytestmark = NEEDS_GPU`, and the fixture `on_the_gpu` by import."""

import os

import pytest

import engine as en

NEEDS_GPU = pytest.mark.skipif(
    not en.is_cuda_available() or os.environ.get("SIMRUN_TEST_DEVICE") == "stand-in", reason="needs a GPU"
)


@pytest.fixture(autouse=True)
def on_the_gpu():
    if not en.is_cuda_available():
        yield
        return
    with en.ScopedDevice("cuda:0"):
        yield
