"""Playing, stepping, looking back and going on from there."""

from __future__ import annotations

from app.session import Session
from app.timeline import SPEEDS
from app.view.application_state import unless_script
from app.view.deeds.hands import HandDeeds


class TimeDeeds(HandDeeds):
    """What moves through time. The hand lets go when the simulation starts over."""

    def toggle_play(self) -> None:
        """Play or pause: what was simulated when looking back, the simulation at the end."""
        if self.session is None:
            return
        if self.is_script and not self.timeline.playing and self.timeline.at_end:
            self.script_runs = not self.script_runs
            return
        if self.timeline.playing:
            self.timeline.pause()
        elif self.runner.playing:
            self.runner.pause()
        elif self.timeline.loop and self.timeline.history.last > 0:
            self.timeline.play()
        elif not self.timeline.at_end:
            self.timeline.play()
        else:
            self.timeline.follow()
            self.runner.play()

    def look_at_frame(self, number: int) -> None:
        """Show a frame that was simulated before; the simulation rests."""
        self.runner.pause()
        self.timeline.look_at(number)

    def step_forward(self) -> None:
        """The next frame: of those that were simulated, or a new one at the end."""
        if self.session is None:
            return
        self.runner.pause()
        if self.timeline.at_end:
            self.timeline.follow()
            if self.is_script:
                self.script_runs = False
                self._script_steps += 1
            else:
                self.runner.step()
        else:
            self.timeline.step(1)

    def step_back(self) -> None:
        """The frame before."""
        self.runner.pause()
        self.timeline.step(-1)

    def go_to_start(self) -> None:
        """Show the first frame."""
        self.look_at_frame(self.timeline.history.first)

    def go_to_end(self) -> None:
        """Show the newest frame, and follow."""
        self.timeline.follow()

    @unless_script
    def continue_from_here(self) -> None:
        """Simulate on from the frame that is shown; the later ones are forgotten."""
        if self.session is None:
            return
        number = self.timeline.cursor
        self.runner.pause()
        self.post(lambda session: session.go_to(number))
        self.timeline.follow()
        self.runner.play()

    @unless_script
    def reset(self) -> None:
        """Back to the initial state."""
        if self.session is not None:
            self.release()
            self.runner.reset()
            self.timeline.follow()

    @unless_script
    def set_initial_state(self) -> None:
        """Let reset go back to the frame that is shown."""
        if self.session is None:
            return
        number = self.timeline.cursor
        self.runner.pause()

        def take(session: Session) -> None:
            session.go_to(number)
            session.set_initial_state()

        self.post(take)
        self.timeline.follow()

    def toggle_loop(self) -> None:
        """Play what was simulated over and over, or once."""
        self.timeline.loop = not self.timeline.loop

    def toggle_real_time(self) -> None:
        """Keep to the clock, or simulate as fast as possible."""
        self.runner.speed = self.timeline.speed if self.runner.speed is None else None

    def set_speed(self, speed: float) -> None:
        """Simulated seconds a second, for simulating and playing."""
        self.timeline.speed = speed
        if self.runner.speed is not None:
            self.runner.speed = speed

    def slower(self) -> None:
        """The next lower speed."""
        self.set_speed(max((s for s in SPEEDS if s < self.timeline.speed), default=SPEEDS[0]))

    def faster(self) -> None:
        """The next higher speed."""
        self.set_speed(min((s for s in SPEEDS if s > self.timeline.speed), default=SPEEDS[-1]))
