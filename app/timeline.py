"""Which of the simulated frames is shown: the newest while simulating, another one while looking back."""

from __future__ import annotations

from app.frame_history import Frame, FrameHistory

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)


class Timeline:
    """The cursor over a history. It never changes the simulation.

    Attributes:
        history: the frames; may be replaced when another scene is opened.
        frame_dt: simulated time between two frames [s].
        following: whether the newest frame is shown, whatever it is.
        playing: whether the cursor moves by itself through frames that were simulated before.
        loop: whether it goes back to the first frame at the end.
        speed: simulated seconds a second of playing.
    """

    def __init__(self, history: FrameHistory | None = None, frame_dt: float = 1.0 / 60.0):
        """Shows the newest frame."""
        self.history = history or FrameHistory()
        self.frame_dt = frame_dt
        self.following = True
        self.playing = False
        self.loop = False
        self.speed = 1.0
        self._cursor = 0.0

    @property
    def cursor(self) -> int:
        """Number of the frame that is shown."""
        return self.history.last if self.following else int(self._cursor)

    @property
    def at_end(self) -> bool:
        """Whether the newest frame is the one shown."""
        return self.cursor >= self.history.last

    @property
    def shown(self) -> Frame | None:
        """The frame that is shown; None while there is none."""
        return self.history.newest() if self.following else self.history.at(self.cursor)

    def follow(self) -> None:
        """Show the newest frame from now on."""
        self.following, self.playing = True, False

    def look_at(self, number: int) -> None:
        """Show a frame and stay there; the newest one means following."""
        self._cursor = float(min(max(number, self.history.first), self.history.last))
        self.following = self._cursor >= self.history.last
        self.playing = False

    def step(self, count: int) -> None:
        """Go some kept frames forward, or backward."""
        number = self.cursor
        for _ in range(abs(count)):
            frame = self.history.after(number) if count > 0 else self.history.at(number - 1)
            if frame is None:
                break
            number = frame.number
        self.look_at(number)

    def play(self) -> None:
        """Let the cursor run from where it is; from the first frame when it is at the end."""
        if self.at_end:
            self._cursor = float(self.history.first)
        self.following, self.playing = False, True

    def pause(self) -> None:
        """Let the cursor rest where it is."""
        if self.playing:
            self.look_at(self.cursor)

    def advance(self, seconds: float) -> bool:
        """Let `seconds` of the clock on the wall pass.

        Returns:
            Whether the cursor reached the end and stays there: now it is the simulation's turn.
        """
        if not self.playing:
            return False
        self._cursor += seconds * self.speed / self.frame_dt
        if self._cursor < self.history.last:
            return False
        if self.loop:
            span = max(1, self.history.last - self.history.first)
            self._cursor = self.history.first + (self._cursor - self.history.first) % span
            return False
        self.follow()
        return True
