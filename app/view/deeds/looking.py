"""Where it is seen from and how it is drawn."""

from __future__ import annotations

from app.render.options import SHADING_MODES
from app.view.application_state import ApplicationState


class LookDeeds(ApplicationState):
    """Camera, shading and panels."""

    def select_nothing(self) -> None:
        """Select nothing, and close what is open over the picture."""
        if self.dialog is not None:
            self.dialog = None
        elif self.camera.flying:
            self.camera.flying = False
        else:
            self.selection.set(None)

    def frame_selection(self) -> None:
        """Look at the selected prim, or at everything."""
        box = self.bounds(self.selection.path)
        self.camera.frame(box if not box.is_empty else self.bounds(), aspect=self.aspect)

    def frame_all(self) -> None:
        """Look at everything."""
        self.camera.frame(self.bounds(), aspect=self.aspect)

    def look_from(self, name: str) -> None:
        """A named view of everything."""
        self.camera.look_from(name, self.bounds(), aspect=self.aspect)

    def toggle_orthographic(self) -> None:
        """Parallel projection, or perspective."""
        self.camera.set_orthographic(self.camera.camera.orthographic_height is None)

    def toggle_flying(self) -> None:
        """Fly, or orbit."""
        self.camera.flying = not self.camera.flying

    def next_camera(self, step: int = 1) -> None:
        """Look through the next camera of the stage."""
        if self.view is None or not self.view.render.cameras:
            self.log.add("info", "the stage has no camera")
            return
        self._camera_at = (max(self._camera_at, -1 if step > 0 else 0) + step) % len(self.view.render.cameras)
        self.look_through(self._camera_at)

    def previous_camera(self) -> None:
        """Look through the camera before."""
        self.next_camera(-1)

    def look_through(self, number: int) -> None:
        """Look through a camera of the stage."""
        item = self.view.render.cameras[number]
        frame = self.frame
        self._camera_at = number
        self.camera.take(item.camera(frame.rows("body_q") if frame else None, up=self.view.render.up))

    def next_shading(self) -> None:
        """The next of the shading modes."""
        self.draw.shading = SHADING_MODES[(SHADING_MODES.index(self.draw.shading) + 1) % len(SHADING_MODES)]

    def toggle_grid(self) -> None:
        """Show or hide the ground grid."""
        self.draw.grid = not self.draw.grid

    def toggle_shadows(self) -> None:
        """Shadows on or off."""
        self.draw.shadows = not self.draw.shadows

    def toggle_theme(self) -> None:
        """Dark or light."""
        self.preferences.theme = "light" if self.preferences.theme == "dark" else "dark"
        self.draw.background = self.preferences.theme

    def larger_text(self) -> None:
        """Larger text."""
        self.preferences.text_scale = min(3.0, self.preferences.text_scale * 1.1)

    def smaller_text(self) -> None:
        """Smaller text."""
        self.preferences.text_scale = max(0.5, self.preferences.text_scale / 1.1)

    def toggle_panels(self) -> None:
        """Only the picture, or panels too."""
        self.panels_shown = not self.panels_shown

    def toggle_help(self) -> None:
        """Show or hide the list of keys."""
        self.dialog = None if self.dialog == "help" else "help"
