"""Files that cannot be simulated: each gives one clear line and exit code 2, never a traceback."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pxr import Sdf, Usd

from tests.app.conftest import write_ball

NOTHING = '#usda 1.0\ndef Xform "World"\n{\n    def Sphere "Still"\n    {\n    }\n}\n'


def truncated_usdc(folder: Path) -> Path:
    path = folder / "truncated.usdc"
    stage = Usd.Stage.Open(str(write_ball(folder)))
    stage.GetRootLayer().Export(str(path))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


BAD = {
    "missing": lambda folder: folder / "nowhere.usda",
    "folder": lambda folder: folder,
    "empty": lambda folder: written(folder / "empty.usda", ""),
    "empty binary": lambda folder: written(folder / "empty.usdc", ""),
    "truncated binary": truncated_usdc,
    "prose": lambda folder: written(folder / "letter.usda", "Dear simulator, please make it fall.\n"),
    "unknown suffix": lambda folder: written(folder / "scene.txt", "Dear simulator\n"),
    "nothing to simulate": lambda folder: written(folder / "still.usda", NOTHING),
    "binary rubbish": lambda folder: written(folder / "rubbish.usd", "\x00\x01\x02" * 50),
}


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("kind", BAD)
def test_unusable_scene_gives_one_line_and_code_2(in_process, tmp_path, kind):
    scene = BAD[kind](tmp_path)
    report = in_process(scene)
    assert report["exit_code"] == 2 and report["status"] == "error"
    assert Path(scene).name in report["error"]
    lines = [line for line in report["stderr"].splitlines() if line.startswith("simrun: error:")]
    assert len(lines) == 1
    assert "Traceback" not in report["stderr"]
    assert not list(tmp_path.glob("*_sim.usd*"))


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_folder_is_refused_before_simulating(in_process, ball, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    report = in_process(ball, "-o", folder / "out.usd")
    assert report["exit_code"] == 2 and "permission" in report["error"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_full_disk_ends_with_one_error_and_a_readable_file(command, ball, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("mount is not allowed here")
    try:
        result = command(ball, "--frames", 5000, "-o", disk / "out.usd")
        assert result.returncode == 1
        assert "Traceback" not in result.stderr and "error:" in result.stderr
        if (disk / "out.usd").exists():
            assert Sdf.Layer.FindOrOpen(str(disk / "out.usd"))
    finally:
        subprocess.run(["umount", disk], check=True)
