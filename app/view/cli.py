"""The `simview` command."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from app.cli import count, device_name, is_users_mistake, one_line, positive, report_bug, run_options
from app.errors import EXIT_DONE, EXIT_FAILED
from app.settings import SOLVERS, RunOptions

EXAMPLES = """\
examples:
  simview                                     the start screen: recent files and example scenes
  simview scenes/cloth_over_sphere.usda       open a scene; Space plays
  simview robot.xml --play                    a robot (MJCF or URDF), simulated at once
  simview scene.usda --solver xpbd            another solver than the stage asks for

F1 lists all keys. Without a display: simrun SCENE --render out.mp4
"""


def make_parser() -> argparse.ArgumentParser:
    """The options of `simview`."""
    parser = argparse.ArgumentParser(
        prog="simview",
        description="Look at a scene, simulate it live, take hold of it, tune it, record it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "scene", metavar="SCENE", nargs="?", type=Path, help="USD scene, or a robot: .xml (MJCF), .urdf"
    )
    parser.add_argument("--play", action="store_true", help="simulate at once")
    parser.add_argument("--fps", metavar="F", type=positive, help="frames a second")
    parser.add_argument("--substeps", metavar="N", type=count, help="solver steps a frame")
    parser.add_argument("--solver", choices=SOLVERS, help="how forces and constraints are solved")
    parser.add_argument("--iterations", metavar="N", type=count, help="constraint iterations a step (xpbd)")
    parser.add_argument(
        "--device", metavar="D", default="cpu", type=device_name, help="cpu, cuda or cuda:N (default: cpu)"
    )
    parser.add_argument("--floating", action="store_true", help="let the root link of a URDF robot move freely")
    parser.add_argument("--keyframe", metavar="NAME", help="keyframe of an MJCF model to start from")
    parser.add_argument(
        "--search-path", metavar="DIR", type=Path, action="append", default=[], help="where robot files find meshes"
    )
    parser.add_argument("--threads", metavar="N", type=count, help="worker threads (default: all cores but one)")
    parser.add_argument("--fresh", action="store_true", help="neither read nor write preferences and layout")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    arguments = make_parser().parse_args(sys.argv[1:] if argv is None else argv)
    options = run_options(argparse.Namespace(**vars(arguments), frames=None, seconds=None))
    return view(arguments.scene, options, play=arguments.play, remember=not arguments.fresh)


def view(scene: Path | None, options: RunOptions, *, play: bool = False, remember: bool = True) -> int:
    """Open the viewer and stay until it is closed; returns the exit code."""
    try:
        return _view(scene, options, play=play, remember=remember)
    except KeyboardInterrupt:
        return EXIT_DONE
    except Exception as error:
        if os.environ.get("SIMRUN_DEBUG") == "1" or not is_users_mistake(error):
            report_bug()
            raise
        print(f"simview: error: {one_line(error)}", file=sys.stderr)
        return getattr(error, "exit_code", EXIT_FAILED)


def _view(scene: Path | None, options: RunOptions, *, play: bool, remember: bool) -> int:
    # Tens of thousands of objects that stay are made while starting; looking for garbage among them takes 0.1 s.
    gc.disable()
    from app.view.window import check_display

    check_display()  # before anything that takes long
    from app.render.errors import GraphicsLost
    from app.view.application import Application
    from app.view.preferences import Preferences
    from app.view.window import Loop, end_at_once, end_with_display, leave_a_core, open_window

    leave_a_core(options.threads)
    app = Application(Preferences.load() if remember else Preferences(), options)
    end_warnings = app.log.add_warnings()
    app.play_when_loaded = play
    if scene is not None:
        app.open(scene)
    try:
        window = open_window(app, remember=remember)
    except BaseException:
        app.runner.close(0.5)
        raise
    end_with_display(app)
    loop = Loop(app, window)
    try:
        while not app.wants_close and (app.runner.loading is not None or not loop.pictures):
            loop.turn()
        gc.freeze()
        gc.enable()
        loop.run()
    except GraphicsLost as error:
        if os.environ.get("SIMRUN_DEBUG") == "1":
            traceback.print_exc()
        end_at_once(app, str(error), store=remember)
    finally:
        window.end()
        ended = app.close(store=remember)
        end_warnings()
    if not ended:  # a frame, or a file being read, takes longer than anybody waits; files are closed, nothing is lost
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(EXIT_DONE)
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
