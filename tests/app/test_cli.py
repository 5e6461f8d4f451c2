"""The command as a person meets it: exit codes, what it says and where."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pxr import Sdf, Usd, UsdGeom

from tests.app.conftest import ROOT, command_environment, command_line, json_of

NO_TRACEBACK = "Traceback (most recent call last)"


def frames_in(path: Path, prim: str, attribute: str) -> list[float]:
    """Time codes at which a recorded attribute has samples."""
    stage = Usd.Stage.Open(str(path))
    return stage.GetPrimAtPath(prim).GetAttribute(attribute).GetTimeSamples()


def moving_frames(path: Path, prim: str = "/World/Ball") -> list[float]:
    """Time codes at which the local transform of a prim has samples, whichever op holds them."""
    stage = Usd.Stage.Open(str(path))
    return UsdGeom.Xformable(stage.GetPrimAtPath(prim)).GetTimeSamples()


def test_help_names_the_options_and_gives_examples(command):
    result = command("--help")
    assert result.returncode == 0
    assert "examples:" in result.stdout and "--substeps" in result.stdout and "exit codes" in result.stdout


def test_help_loads_nothing_heavy():
    code = "import sys, app.cli\ntry: app.cli.main(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stderr.split()
    assert "app.cli" in loaded
    assert not {"numpy", "llvmlite", "pxr", "engine", "sim", "usd_io"} & set(loaded)


def test_version_is_printed(command):
    result = command("--version")
    assert result.returncode == 0 and result.stdout.startswith("simrun")


def test_run_writes_default_output_beside_the_working_directory_and_sums_up(command, ball, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    result = command(ball, cwd=elsewhere)
    assert result.returncode == 0, result.stderr
    assert moving_frames(elsewhere / "ball_sim.usd") == [float(k) for k in range(11)]
    summary = result.stdout.strip().splitlines()
    assert len(summary) == 1
    for part in ("done: 10 frames", "0.1667 s simulated", "ms a frame", "ball_sim.usd", "B)"):
        assert part in summary[0]


def test_json_prints_one_object_and_nothing_else_on_stdout(command, ball):
    result = command(ball, "--json")
    report = json_of(result)
    assert report["status"] == "done" and report["frames"] == 10 and report["bodies"] == 1
    assert report["output_bytes"] == Path(report["output"]).stat().st_size if os.path.isabs(report["output"]) else True
    assert report["ms_per_frame"] > 0 and report["startup_seconds"] > 0


def test_quiet_says_nothing_when_all_is_well(command, ball):
    result = command(ball, "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_existing_output_is_refused_without_overwrite_and_left_alone(command, ball, tmp_path):
    output = tmp_path / "ball_sim.usd"
    output.write_text("mine")
    refused = command(ball)
    assert refused.returncode == 2 and "--overwrite" in refused.stderr and output.read_text() == "mine"
    assert command(ball, "--overwrite").returncode == 0
    assert len(moving_frames(output)) == 11


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_scene_is_never_overwritten(command, ball, overwrite):
    before = ball.read_text()
    result = command(ball, "-o", ball, *overwrite)
    assert result.returncode == 2 and "scene itself" in result.stderr and ball.read_text() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["--frames", "0"],
        ["--frames", "-3"],
        ["--frames", "2.5"],
        ["--fps", "nan"],
        ["--fps", "0"],
        ["--seconds", "inf"],
        ["--substeps", "many"],
        ["--solver", "magic"],
        ["--device", "abacus"],
        ["--frames", "3", "--seconds", "1"],
        ["--format", "obj"],
        ["--nonsense"],
    ],
)
def test_mistyped_options_end_with_usage_and_code_2(command, ball, arguments):
    result = command(ball, *arguments)
    assert result.returncode == 2
    assert "usage: simrun" in result.stderr and "error:" in result.stderr and NO_TRACEBACK not in result.stderr


@pytest.mark.parametrize("name", ["out.obj", "out", "missing_folder/out.usd"])
def test_impossible_outputs_are_refused_before_simulating(in_process, ball, name):
    report = in_process(ball, "-o", name)
    assert report["exit_code"] == 2 and report["output"] is None and "output" in report["error"]


def test_suffix_and_format_must_agree(in_process, ball):
    assert in_process(ball, "-o", "a.usda", "--format", "usdc")["exit_code"] == 2


def test_output_folder_takes_the_default_name(in_process, ball, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    assert in_process(ball, "-o", folder)["output"] == str(folder / "ball_sim.usd")


@pytest.mark.parametrize(("options", "text"), [([], False), (["--format", "usda"], True), (["-o", "x.usda"], True)])
def test_format_decides_the_encoding(in_process, ball, options, text):
    report = in_process(ball, *options)
    assert Path(report["output"]).read_bytes().startswith(b"#usda") is text


def test_flatten_needs_no_source(in_process, ball, tmp_path):
    report = in_process(ball, "--flatten", "-o", "flat.usd")
    ball.unlink()
    assert Sdf.Layer.FindOrOpen(report["output"]).subLayerPaths == []
    assert len(moving_frames(tmp_path / "flat.usd")) == 11


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_keeps_the_frames_so_far(ball, tmp_path, number, code):
    process = subprocess.Popen(
        command_line(ball, "--frames", 10_000_000, "--json"),
        cwd=tmp_path,
        env=command_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    output = tmp_path / "ball_sim.usd"
    while not output.exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    report = json_of(subprocess.CompletedProcess([], code, out, err))
    assert report["status"] == "interrupted" and 0 < report["frames"] < 10_000_000
    assert len(moving_frames(output)) == report["frames"] + 1
    assert NO_TRACEBACK not in err


def test_blow_up_names_prim_and_time_and_keeps_what_was_written(command, exploding, tmp_path):
    result = command(exploding, "--json")
    report = json_of(result)
    assert result.returncode == 1 and report["status"] == "failed"
    assert "</World/Flag>: point" in result.stderr and " s (frame " in result.stderr
    assert NO_TRACEBACK not in result.stderr
    assert report["failure"]["prim"] == "/World/Flag"
    assert report["failure"]["time"] == pytest.approx(report["failure"]["frame"] / 60)
    assert report["frames"] == report["failure"]["frame"] - 1
    samples = frames_in(tmp_path / "exploding_sim.usd", "/World/Flag", "points")
    assert samples == [float(k) for k in range(report["frames"] + 1)]


def test_our_own_bugs_show_a_traceback_and_where_to_report(command, ball, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import app.settings\n"
        "def broken(*_, **__): raise RuntimeError('a bug planted by the test')\n"
        "app.settings.decide_output = broken\n"
    )
    environment = command_environment()
    environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{environment['PYTHONPATH']}"
    result = subprocess.run(command_line(ball), cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert "internal error" in result.stderr and "report" in result.stderr and NO_TRACEBACK in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")
def test_terminal_gets_a_bar_and_the_summary_stays_on_stdout(ball, tmp_path):
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command_line(ball, "--frames", 20_000, "--substeps", 1),
        cwd=tmp_path,
        env={**command_environment(), "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side has closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    summary = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "20000 frames" in summary and summary.count("\n") == 1
    assert b"simulating" in shown and "━".encode() in shown and b"/20000" in shown


def test_result_does_not_depend_on_the_number_of_threads(command, tmp_path):
    scene = ROOT / "scenes" / "cloth_over_sphere.usda"
    for threads in (1, 2):
        result = command(scene, "--frames", 12, "--threads", threads, "-o", f"with_{threads}.usda", "--velocities")
        assert result.returncode == 0, result.stderr
    one, two = (Sdf.Layer.FindOrOpen(str(tmp_path / f"with_{n}.usda")) for n in (1, 2))
    assert one.ExportToString() == two.ExportToString()
