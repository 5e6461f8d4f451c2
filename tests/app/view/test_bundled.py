"""The example scenes of the start screen, in a checkout and in an installed package."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from app.view.bundled import bundled_scenes
from tests.app.conftest import ROOT

SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "engine", "sim", "usd_io", "app", "scenes", "assets")

REPORT = """
import app
from app.view.bundled import bundled_scenes
from usd_io import read_scene
print(app.__file__)
for path in bundled_scenes():
    scene = read_scene(path)
    print(path, len(scene.bodies) + len(scene.deformables))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with what a wheel of this checkout installs."""
    if importlib.util.find_spec("setuptools") is None or importlib.util.find_spec("pip") is None:
        pytest.skip("no wheel can be built: setuptools or pip is not installed")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", str(out))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", str(source), *options], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("simrun-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "site")
    return out / "site"


def test_a_checkout_offers_its_own_scenes():
    assert bundled_scenes() == tuple(sorted((ROOT / "scenes").glob("*.usd*"))) != ()


def test_an_installed_package_offers_the_same_scenes_and_they_can_be_read(installed, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", REPORT],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed), "SIMRUN_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    package, *lines = done.stdout.splitlines()
    assert Path(package).is_relative_to(installed)
    found = {Path(path): int(count) for path, count in (line.rsplit(" ", 1) for line in lines)}
    assert [path.name for path in found] == [path.name for path in bundled_scenes()]
    assert all(path.is_relative_to(installed) and count > 0 for path, count in found.items())


def test_an_installed_package_has_the_shaders(installed):
    shaders = {p.relative_to(ROOT) for p in (ROOT / "app").rglob("*.glsl")}
    assert shaders and all((installed / shader).is_file() for shader in shaders)
