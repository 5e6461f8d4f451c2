"""What can go wrong while a recording is written."""

from __future__ import annotations

from usd_io.errors import SceneError


class RecorderError(SceneError):
    """A recording cannot be started, continued or finished; frames flushed before stay readable."""
