"""Opening scenes, and saving what was simulated."""

from __future__ import annotations

from pathlib import Path

from app.errors import UsageError
from app.recording import SceneRecording, save_history
from app.session import Session
from app.timeline import Timeline
from app.view.application_state import unless_script
from app.view.deeds.hands import HandDeeds
from app.view.scene_view import SceneView, read_anew

SCENE_SUFFIXES = (".usd", ".usda", ".usdc", ".usdz", ".xml", ".urdf")


class FileDeeds(HandDeeds):
    """What is read and written. The hand lets go when a scene closes."""

    @unless_script
    def open(self, path: str | Path, *, keep_camera: bool = False) -> None:
        """Open a scene file; what is open stays until the new one is there."""
        path = Path(path)
        self.dialog = None
        if path.is_dir():
            self.folder, self.dialog = path, "open"
            return
        if path.suffix.lower() not in SCENE_SUFFIXES:
            expected = ", ".join(SCENE_SUFFIXES)
            self.log.add("error", f"{path.name}: simview opens {expected}; drop one of these")
            return
        self._keep_camera = keep_camera
        play = None if keep_camera else self.play_when_loaded
        self.runner.open(
            path, self.options, play=play, keep_changes=keep_camera, look=lambda session: SceneView(path, session),
            before=read_anew,
        )  # fmt: skip

    @unless_script
    def reload(self) -> None:
        """Read the open file again; camera, selection and what was changed by hand stay."""
        if self.view is not None:
            self.open(self.view.path, keep_camera=True)

    @unless_script
    def close_scene(self) -> None:
        """Go back to the start screen."""
        if self.view is not None:
            self.runner.pause()
            self.post(lambda session: session.stop_recording())
            self.release()
            self.view.close()
            self.view = self._session = None
            self.selection.set(None)
            self.timeline = Timeline()

    @unless_script
    def open_dialog(self) -> None:
        """Ask for a file."""
        self.dialog = "open"

    @unless_script
    def save_dialog(self) -> None:
        """Ask where to save what was simulated."""
        if self.session is not None:
            self.dialog = "save"

    def save_history(self, path: Path) -> None:
        """Write every frame in memory as USD."""
        scene = self.view.path

        def save(session: Session) -> None:
            count = save_history(session, scene, path)
            self.log.add("info", f"saved {count} frames to {path}")

        self.dialog = None
        self.post(save)

    @unless_script
    def toggle_recording(self) -> None:
        """Record what is simulated from now on, or end that."""
        if self.session is None:
            return
        if self.runner.recording_path is not None:
            self.runner.stop_recording()
            return
        scene, output, shown = self.view.path, self.free_name("usd"), self._session

        def start(session: Session) -> SceneRecording:
            if session is not shown:
                raise UsageError(f"{output}: not recorded, since another scene was opened meanwhile")
            return SceneRecording(session, scene, output)

        self.runner.record(start, output)
        self.log.add("info", f"recording to {output}")
