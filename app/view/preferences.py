"""What is remembered between two runs: looks, habits, recent files; in the platform's folder for settings."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

THEMES = ("dark", "light")
MOST_RECENT = 12


def config_folder() -> Path:
    """Where settings live: `SIMRUN_CONFIG` if set, else what the platform says."""
    chosen = os.environ.get("SIMRUN_CONFIG")
    if chosen:
        return Path(chosen)
    from platformdirs import user_config_path

    return user_config_path("simrun", appauthor=False)


@dataclass
class Preferences:
    """Settings of a person. Anything that cannot be read is as if it had never been stored.

    Attributes:
        theme: one of `THEMES`.
        text_scale: factor on the size of text, on top of the screen's own.
        recent: files opened lately, newest first.
        window_size: of the last window [pixels].
        reload_on_change: whether a changed file is read again by itself.
        pull_strength: of the hand.
        history_megabytes: memory for simulated frames.
        draw: draw options and toggles by name.
        hidden_panels: names of the panels that are closed.
    """

    theme: str = "dark"
    text_scale: float = 1.0
    recent: list[str] = field(default_factory=list)
    window_size: list[int] = field(default_factory=lambda: [1440, 900])
    reload_on_change: bool = True
    pull_strength: float = 1.0
    history_megabytes: int = 512
    draw: dict = field(default_factory=dict)
    hidden_panels: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path | None = None) -> Preferences:
        """What was stored; defaults for what is missing or of the wrong kind."""
        folder = config_folder() if folder is None else folder
        try:
            stored = json.loads((folder / "preferences.json").read_text())
        except (OSError, ValueError):
            return cls()
        preferences = cls()
        if not isinstance(stored, dict):
            return preferences
        for each in fields(cls):
            value, default = stored.get(each.name), getattr(preferences, each.name)
            if type(value) is type(default) or (isinstance(default, float) and type(value) is int):
                setattr(preferences, each.name, value)
        preferences._mend()
        return preferences

    def _mend(self) -> None:
        if self.theme not in THEMES:
            self.theme = THEMES[0]
        self.text_scale = min(max(float(self.text_scale), 0.5), 3.0)
        self.recent = [str(path) for path in self.recent if isinstance(path, str)][:MOST_RECENT]
        size = self.window_size
        if not (len(size) == 2 and all(isinstance(x, int) and 200 <= x <= 20_000 for x in size)):
            self.window_size = [1440, 900]
        self.history_megabytes = min(max(self.history_megabytes, 16), 1_000_000)

    def save(self, folder: Path | None = None) -> bool:
        """Store them, whole or not at all; False if that is not possible (a settings folder is no reason to fail)."""
        folder = config_folder() if folder is None else folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=folder, prefix=".preferences")
            with os.fdopen(handle, "w") as file:
                json.dump(asdict(self), file, indent=1)
            os.replace(name, folder / "preferences.json")
        except OSError:
            return False
        return True

    def note_opened(self, path: Path) -> None:
        """Put a file first among the recent ones."""
        name = str(Path(path).resolve())
        self.recent = [name, *(each for each in self.recent if each != name)][:MOST_RECENT]

    def recent_files(self) -> list[Path]:
        """The recent files that are still there."""
        return [Path(name) for name in self.recent if Path(name).is_file()]
