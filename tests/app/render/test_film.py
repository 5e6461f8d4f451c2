"""Pictures of a run without a display: films, numbered files, stills, and what is said when they cannot be had."""

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app.errors import UsageError
from app.render.errors import NoEncoder
from app.render.film import Film, check_pictures, open_writer
from tests.app.conftest import ROOT, command_line

pytestmark = pytest.mark.usefixtures("gl")


def film_frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_film_has_every_frame_at_its_size_and_rate(in_process, ball, tmp_path):
    report = in_process(ball, "--render", "out.mp4", "--size", "320x180")
    assert report["status"] == "done" and report["pictures"] == "out.mp4" and report["picture_seconds"] > 0
    frames = film_frames(tmp_path / "out.mp4")
    assert len(frames) == 11 and frames[0].shape == (180, 320, 3)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert float(container.streams.video[0].average_rate) == pytest.approx(60.0)
    assert (tmp_path / "ball_sim.usd").exists()


def test_film_shows_the_ball_falling(in_process, ball, tmp_path):
    in_process(ball, "--render", "out.mp4", "--size", "320x180", "--camera", "front", "--frames", "30")
    frames = film_frames(tmp_path / "out.mp4")
    change = [np.abs(f.astype(int) - frames[0]).mean() for f in frames]
    assert change[-1] > change[10] > change[3] > 0.05


def test_film_keeps_colors(tmp_path):
    film = Film(tmp_path / "c.mp4", (64, 64), 24.0)
    red, grey = np.full((64, 64, 4), (200, 40, 30, 255), np.uint8), np.full((64, 64, 4), 128, np.uint8)
    film.write(red)
    film.write(grey)
    film.close()
    first, second = film_frames(tmp_path / "c.mp4")
    np.testing.assert_allclose(first[32, 32], (200, 40, 30), atol=6)
    np.testing.assert_allclose(second[32, 32], 128, atol=4)


def test_numbered_pictures_fill_a_folder(in_process, ball, tmp_path):
    in_process(ball, "--render", "frames/%04d.png", "--size", "160x90", "--frames", "3")
    names = sorted(p.name for p in (tmp_path / "frames").iterdir())
    assert names == ["0000.png", "0001.png", "0002.png", "0003.png"]
    assert Image.open(tmp_path / "frames" / "0003.png").size == (160, 90)


def test_still_shows_the_end(in_process, ball, tmp_path):
    in_process(ball, "--render", "all/%d.png", "--size", "160x90", "--frames", "5")
    in_process(ball, "--render", "end.png", "--size", "160x90", "--frames", "5", "--overwrite")
    end, last = (np.asarray(Image.open(tmp_path / p)) for p in ("end.png", "all/5.png"))
    np.testing.assert_array_equal(end, last)


def test_camera_of_the_stage_is_chosen_by_name(in_process, ball, tmp_path):
    cameras = "".join(
        f'def Camera "{name}" {{\n double3 xformOp:translate = ({x}, 5, 9)\n'
        'uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n'
        for name, x in (("Left", -2), ("Right", 2))
    )
    ball.write_text(ball.read_text() + cameras)
    places = {}
    for name in ("Left", "/Right", None):
        chosen = ["--camera", name] if name else []
        in_process(ball, "--render", "p.png", "--size", "160x90", "--frames", "1", "--overwrite", *chosen)
        picture = np.asarray(Image.open(tmp_path / "p.png")).astype(int)[..., :3]
        places[name] = np.abs(picture - picture[0, 0]).sum(axis=2)
    columns = {name: np.nonzero(p[:45] > 60)[1].mean() for name, p in places.items()}
    assert columns["Left"] > 90 > 70 > columns["/Right"]  # the ball is to the right of the left camera
    np.testing.assert_array_equal(places[None], places["Left"])  # the first one


def test_unknown_camera_is_refused_before_simulating(command, ball, tmp_path):
    result = command(ball, "--render", "out.mp4", "--camera", "Nope")
    assert result.returncode == 2 and "no such camera" in result.stderr and "perspective" in result.stderr
    assert not (tmp_path / "ball_sim.usd").exists() and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--render", "out.avi"], "expected one of"),
        (["--render", "nowhere/out.mp4"], "does not exist"),
        (["--render", "out.mp4", "--size", "321x180"], "even"),
        (["--render", "out.mp4", "--size", "wide"], "1280x720"),
        (["--render", "there.png"], "--overwrite"),
    ],
)
def test_unusable_requests_are_refused_in_one_line(command, ball, tmp_path, arguments, said):
    (tmp_path / "there.png").write_text("mine")
    result = command(ball, *arguments)
    assert result.returncode == 2 and said in result.stderr.splitlines()[-1] and "Traceback" not in result.stderr
    assert (tmp_path / "there.png").read_text() == "mine"


def test_without_opengl_the_simulation_is_kept_and_the_reason_is_said(ball, tmp_path):
    code = (
        "import app.render.context as c, app.render.errors as e, app.cli, sys\n"
        "def none(): raise e.NoGraphics('no OpenGL 3.3 to draw with (test)')\n"
        "c.headless_context = none\nimport app.render.renderer as r\nr.headless_context = none\n"
        "sys.exit(app.cli.main(sys.argv[1:]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(ball), "--render", "out.mp4"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "no OpenGL 3.3" in result.stderr and "goes on without pictures" in result.stderr
    assert (tmp_path / "ball_sim.usd").exists() and not (tmp_path / "out.mp4").exists()


def test_without_the_packages_the_simulation_is_kept(ball, tmp_path):
    blocked = "import sys\nfor name in ('moderngl', 'av', 'PIL'): sys.modules[name] = None\n"
    result = subprocess.run(
        [sys.executable, "-c", blocked + "import app.cli\nsys.exit(app.cli.main(sys.argv[1:]))", str(ball),
         "--render", "out.mp4"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "moderngl" in result.stderr and "pip install" in result.stderr
    assert (tmp_path / "ball_sim.usd").exists()


def test_encoder_that_fails_on_the_way_costs_the_film_only(in_process, ball, tmp_path, monkeypatch):
    written = []

    def fail(self, pixels):
        written.append(1)
        if len(written) > 4:
            raise NoEncoder("out.mp4: the film cannot be written (no space left)")

    monkeypatch.setattr(Film, "write", fail)
    report = in_process(ball, "--render", "out.mp4", "--size", "64x64")
    assert report["exit_code"] == 1 and "no space left" in report["error"] and report["frames"] == 10
    assert len(written) == 5
    from tests.app.test_cli import moving_frames

    assert moving_frames(tmp_path / "ball_sim.usd") == [float(k) for k in range(11)]


def test_simulation_that_blows_up_leaves_a_film_of_what_was(in_process, exploding, tmp_path):
    report = in_process(exploding, "--render", "out.mp4", "--size", "64x64")
    assert report["status"] == "failed" and "blew up" in report["error"]
    assert len(film_frames(tmp_path / "out.mp4")) == report["frames"] + 1


def test_interrupted_run_leaves_a_film(ball, tmp_path):
    import signal
    import time

    process = subprocess.Popen(
        command_line(ball, "--render", "out.mp4", "--size", "640x360", "--frames", "100000"),
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    unfinished = tmp_path / ".out.unfinished.mp4"
    deadline = time.monotonic() + 60.0
    while not (unfinished.exists() and unfinished.stat().st_size > 0) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130 and len(film_frames(tmp_path / "out.mp4")) >= 2


def test_run_without_pictures_loads_no_graphics(ball, tmp_path):
    code = (
        "import sys, app.cli\nsys.argv = ['simrun', *sys.argv[1:]]\napp.cli.main()\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(ball)],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert not {"moderngl", "av", "PIL", "pyglet"} & set(result.stderr.split())


def test_robot_file_is_drawn(in_process, tmp_path):
    robot = tmp_path / "arm.xml"
    robot.write_text(
        '<mujoco><worldbody><body pos="0 0 1"><joint type="hinge" axis="0 1 0"/>'
        '<geom type="capsule" fromto="0 0 0 0.5 0 0" size="0.05" rgba="0.9 0.1 0.1 1"/></body></worldbody></mujoco>'
    )
    in_process(robot, "--render", "arm.png", "--size", "160x90", "--frames", "2")
    picture = np.asarray(Image.open(tmp_path / "arm.png")).astype(int)
    assert ((picture[..., 0] - picture[..., 1]) > 60).sum() > 200


def test_still_needs_its_folder_before_any_work(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        check_pictures(tmp_path / "no" / "a.png", (64, 64), overwrite=False)


def test_writer_of_a_place_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NoEncoder):
        open_writer(tmp_path / "file" / "%d.png", (64, 64), 24.0)
