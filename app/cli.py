"""The `simrun` command: arguments in, exit code out. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.errors import EXIT_INTERRUPTED, EXIT_USAGE, AppError
from app.progress import choose_progress
from app.report import RunReport
from app.settings import FORMATS, SOLVERS, RunOptions

ISSUES_URL = "the project's issue tracker"

EXAMPLES = """\
examples:
  simrun scenes/cloth_over_sphere.usda               writes cloth_over_sphere_sim.usd here
  simrun scene.usda -o out/take1.usdc --seconds 2    two seconds, to a named file
  simrun scene.usda --solver xpbd --substeps 16      another solver than the stage asks for
  simrun scene.usda --flatten -o portable.usd        one self-contained file
  simrun robot.xml --seconds 3                       a robot: MJCF, or URDF with --floating for a free base
  simrun convert robot.urdf robot.usda               a robot as a UsdPhysics stage, without simulating it
  simrun scene.usda --render out.mp4                 a film besides; frames/%04d.png for pictures, end.png for one
  simrun scene.usda --json --quiet | jq .ms_per_frame

The stage's own settings are the defaults: timeCodesPerSecond, startTimeCode and endTimeCode, and simrun:substeps,
simrun:solver, simrun:iterations, simrun:frames on the PhysicsScene prim.

exit codes: 0 done, 1 the simulation or the writing failed, 2 bad input or usage, 130 interrupted (frames are kept).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: arguments without the program's name; None takes them from the process.

    Returns:
        The exit code, see `app.errors`.
    """
    began = process_start()
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv[:1] == ["convert"]:
        return convert(argv[1:])
    arguments = make_parser().parse_args(argv)
    if arguments.view:
        from app.view.cli import view

        return view(arguments.scene, run_options(arguments))
    report = RunReport(status="error", exit_code=EXIT_USAGE, scene=str(arguments.scene))
    try:
        report = _run(arguments, began)
    except KeyboardInterrupt:
        report.status, report.exit_code, report.error = "interrupted", EXIT_INTERRUPTED, "interrupted"
    except Exception as error:
        if os.environ.get("SIMRUN_DEBUG") == "1":
            raise
        if not is_users_mistake(error):
            report_bug()
            raise
        report.exit_code = getattr(error, "exit_code", EXIT_USAGE)
        report.error = one_line(error)
    if report.error:
        print(f"simrun: error: {report.error}", file=sys.stderr)
    if arguments.json:
        print(report.json())
    elif report.output and not arguments.quiet:
        print(report.line())
    return report.exit_code


def convert(argv: Sequence[str]) -> int:
    """Run `simrun convert` and turn every failure into one message and an exit code."""
    from app.convert import run_convert

    try:
        return run_convert(argv)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:
        if os.environ.get("SIMRUN_DEBUG") == "1":
            raise
        if not is_users_mistake(error):
            report_bug()
            raise
        print(f"simrun: error: {one_line(error)}", file=sys.stderr)
        return getattr(error, "exit_code", EXIT_USAGE)


def device_name(text: str) -> str:
    """cpu, cuda or cuda:N."""
    if not re.fullmatch(r"cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"got {text!r}; expected cpu, cuda or cuda:N")
    return text


def run_options(arguments: argparse.Namespace) -> RunOptions:
    """What the person asked for."""
    return RunOptions(
        frames=arguments.frames,
        seconds=arguments.seconds,
        fps=arguments.fps,
        substeps=arguments.substeps,
        solver=arguments.solver,
        iterations=arguments.iterations,
        device=arguments.device,
        threads=arguments.threads,
        search_paths=tuple(arguments.search_path),
        floating_base=arguments.floating,
        keyframe=arguments.keyframe,
    )


def _run(arguments: argparse.Namespace, began: float) -> RunReport:
    # Imported here, because --help and a mistyped option must not wait for USD and LLVM to load.
    from app.batch import BatchJob, run_job

    job = BatchJob(
        scene=arguments.scene,
        options=run_options(arguments),
        output=arguments.output,
        format=arguments.format,
        flatten=arguments.flatten,
        velocities=arguments.velocities,
        overwrite=arguments.overwrite,
        render=arguments.render,
        camera=arguments.camera,
        size=arguments.size,
    )

    def warn(path: str, message: str) -> None:
        if not arguments.quiet:
            print(f"simrun: warning: <{path}>: {message}", file=sys.stderr)

    return run_job(job, choose_progress(quiet=arguments.quiet), began=began, on_warning=warn)


def make_parser() -> argparse.ArgumentParser:
    """The options of `simrun`."""
    parser = argparse.ArgumentParser(
        prog="simrun",
        description="Simulate a USD scene or a robot and write the result as time-sampled USD.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "scene", metavar="SCENE", type=Path, help="the scene: .usd, .usda, .usdc, .usdz, or a robot: .xml (MJCF), .urdf"
    )
    parser.add_argument("--version", action=_Version)

    what = parser.add_argument_group("what to simulate")
    length = what.add_mutually_exclusive_group()
    length.add_argument("--frames", metavar="N", type=count, help="number of frames")
    length.add_argument("--seconds", metavar="S", type=positive, help="simulated time")
    what.add_argument("--fps", metavar="F", type=positive, help="frames a second")
    what.add_argument("--substeps", metavar="N", type=count, help="solver steps a frame")
    what.add_argument("--solver", choices=SOLVERS, help="how forces and constraints are solved")
    what.add_argument("--iterations", metavar="N", type=count, help="constraint iterations a step (xpbd)")
    what.add_argument(
        "--device",
        metavar="D",
        type=device_name,
        default="cpu",
        help="where to simulate: cpu, cuda or cuda:N (default: cpu)",
    )
    what.add_argument("--floating", action="store_true", help="let the root link of a URDF robot move freely")
    what.add_argument("--keyframe", metavar="NAME", help="start an MJCF model from this key (name or number)")
    what.add_argument(
        "--search-path",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="where robot files find meshes and ROS packages (may be repeated)",
    )
    what.add_argument("--threads", metavar="N", type=count, help="worker threads (default: all cores)")

    where = parser.add_argument_group("what to write")
    where.add_argument("-o", "--output", metavar="OUT", type=Path, help="file or folder (default: ./<scene>_sim.usd)")
    where.add_argument("--format", choices=FORMATS, help="encoding (default: by suffix, usdc for .usd)")
    where.add_argument("--flatten", action="store_true", help="one self-contained file, not a layer over the scene")
    where.add_argument("--velocities", action="store_true", help="write velocities besides positions")
    where.add_argument("--overwrite", action="store_true", help="replace an existing output")

    pictures = parser.add_argument_group("what to draw (needs OpenGL, no display)")
    pictures.add_argument(
        "--render", metavar="OUT", type=Path, help="a film (out.mp4), pictures (frames/%%04d.png), or the end (end.png)"
    )
    pictures.add_argument("--camera", metavar="NAME", help="camera of the stage, or front, left, top, perspective, ...")
    pictures.add_argument(
        "--size", metavar="WxH", type=picture_size, default=(1280, 720), help="width and height (default: 1280x720)"
    )

    pictures.add_argument(
        "--view", action="store_true", help="open the viewer instead, as simview does; nothing is written by itself"
    )

    talk = parser.add_argument_group("what to say")
    talk.add_argument("--json", action="store_true", help="print the summary as one JSON object on stdout")
    talk.add_argument("--quiet", action="store_true", help="no progress, no warnings, no summary; only errors")
    return parser


class _Version(argparse.Action):
    """Prints the version; looked up only when asked for, because package metadata takes a while to load."""

    def __init__(self, option_strings: Sequence[str], dest: str):
        super().__init__(option_strings, dest, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            text = version("simrun")
        except PackageNotFoundError:
            text = "(not installed)"
        print(f"simrun {text}")
        parser.exit(0)


def count(text: str) -> int:
    """A whole number from 1 up."""
    return int(_parsed(text, int, "a whole number from 1 up", lambda value: value >= 1))


def picture_size(text: str) -> tuple[int, int]:
    """Width and height of a picture: 1280x720."""
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 16 <= min(size) <= max(size) <= 16384:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected width x height from 16 to 16384 pixels, as 1280x720")
    return size


def positive(text: str) -> float:
    """A finite number above 0."""
    return _parsed(text, float, "a number above 0", lambda value: math.isfinite(value) and value > 0)


def _parsed(text: str, parse: Callable[[str], float], expected: str, fits: Callable[[float], bool]) -> float:
    try:
        value = parse(text)
    except ValueError:
        value = None
    if value is None or not fits(value):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected {expected}")
    return value


def is_users_mistake(error: Exception) -> bool:
    """Whether the message alone says what to do, as opposed to a bug of ours."""
    # Imported here, after something went wrong, because the layers below take long to load.
    from sim import SimError
    from usd_io import SceneError

    return isinstance(error, AppError | SceneError | SimError | OSError | MemoryError)


def one_line(error: Exception) -> str:
    """The message of an error, without line breaks."""
    if isinstance(error, MemoryError):
        return "out of memory; simulate a smaller scene"
    return " ".join(str(error).split()) or type(error).__name__


def report_bug() -> None:
    """Say that what follows is our fault and where to tell us."""
    print(f"simrun: internal error: this is a bug of ours; please report what follows at {ISSUES_URL}", file=sys.stderr)


def process_start() -> float:
    """`time.perf_counter()` at the start of this process, so that loading Python counts as start-up time."""
    now = time.perf_counter()
    try:
        ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return now
    return now - age


if __name__ == "__main__":
    sys.exit(main())
