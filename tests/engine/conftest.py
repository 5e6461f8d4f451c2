"""Every test session compiles into a cache of its own, so that no test depends on what ran before."""

import os

import pytest

import engine as en


@pytest.fixture(autouse=True, scope="session")
def private_cache(tmp_path_factory):
    before = os.environ.get("SIMRUN_CACHE")
    os.environ["SIMRUN_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("SIMRUN_CACHE")
    if before is not None:
        os.environ["SIMRUN_CACHE"] = before


@pytest.fixture
def debug_mode():
    en.config.mode = "debug"
    yield
    en.config.mode = "release"
