"""Taking hold of what is simulated, and placing it by hand."""

from __future__ import annotations

import numpy as np

from app.pull import hold_body, hold_particles
from app.view.application_state import ApplicationState
from app.view.selection import SimulatedPart


class HandDeeds(ApplicationState):
    """What hands do in the picture."""

    def grab(self, path: str, point: np.ndarray, body: int = -1) -> bool:
        """Take hold of what is simulated at a prim, at a world point [m]; False if there is nothing to pull."""
        part, frame, session = self.part(path), self.frame, self.session
        if body >= 0:
            part = SimulatedPart(path, body)
        if part is None or frame is None or not self.timeline.at_end:
            return False
        if part.body >= 0:
            if float(session.model.body_inv_mass.numpy()[part.body]) == 0.0:
                return False
            held = hold_body(frame.rows("body_q"), part.body, point)
        elif part.particles is not None:
            held = hold_particles(frame.rows("particle_q"), point, part.particles)
        else:
            return False
        self.held = held
        strength, target = self.preferences.pull_strength, np.asarray(point, float)
        self.post(lambda s: s.pull.take(held, target, s.settings.step_dt, strength))
        return True

    def pull_to(self, target: np.ndarray) -> None:
        """Pull what is held to a world point [m]."""
        if self.held is not None:
            target = np.array(target, float)
            self.pull_target = target
            self.post(lambda session: session.pull.move(target))

    def release(self) -> None:
        """Let go."""
        if self.held is not None:
            self.held = None
            self.post(lambda session: session.pull.release())

    def held_point(self) -> np.ndarray | None:
        """Where the held point is now [m]."""
        frame = self.frame
        if self.held is None or frame is None:
            return None
        return self.held.point(frame.rows("body_q"), frame.rows("particle_q"))

    def toggle_gizmo(self) -> None:
        """Let the gizmo turn the selected body, or move it."""
        self.gizmo_turns = not self.gizmo_turns

    def place_body(self, body: int, pose: np.ndarray) -> None:
        """Move a body by hand: at once while resting; a kinematic one travels while the simulation runs."""
        at_once = not self.runner.playing
        self.post(lambda session: session.place_body(body, pose, at_once=at_once))
