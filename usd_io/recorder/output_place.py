"""Where a recording goes, checked before anything is simulated."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from usd_io.recorder.atomic import write_error
from usd_io.recorder.errors import RecorderError

FORMATS = {".usd": ("usdc", "usda"), ".usdc": ("usdc",), ".usda": ("usda",)}
"""File suffix to the formats it may hold, default first."""

# USD itself writes through a temporary file with a random suffix, which a kill can leave behind: unfinished.j0uBpg.
OUR_FILES = ("chunk_*.usdc", "base.usdc", "manifest.usdc", "unfinished.*")


@dataclass(frozen=True)
class OutputPlace:
    """The output file and the folder that exists beside it while the recording runs."""

    path: Path
    file_format: str

    @property
    def folder(self) -> Path:
        """Folder of the chunks: the output's name with ``.frames`` appended."""
        return self.path.with_name(self.path.name + ".frames")

    def make_folder(self) -> None:
        """Creates the chunk folder.

        Raises:
            RecorderError: It cannot be created.
        """
        try:
            self.folder.mkdir()
        except OSError as error:
            raise write_error(self.path, error) from None

    def clear_folder(self) -> None:
        """Removes the chunk folder of this or of an earlier, killed run; does nothing without one.

        Raises:
            RecorderError: It holds files that no recording wrote.
        """
        if not self.folder.exists() and not self.folder.is_symlink():
            return
        known = {file for pattern in OUR_FILES for file in self.folder.glob(pattern)} if self.folder.is_dir() else set()
        strangers = sorted(set(self.folder.iterdir()) - known) if self.folder.is_dir() else [self.folder]
        if strangers or self.folder.is_symlink():
            name = (strangers or [self.folder])[0].name
            raise RecorderError(
                str(self.folder),
                f"this place is needed for unfinished frames, but holds {name}",
                expected="nothing, or what an interrupted recording left there",
                next_step="move it away or choose another output with -o",
            )
        try:
            shutil.rmtree(self.folder)
        except OSError as error:
            raise write_error(self.folder, error) from None


def output_place(path: Path, *, file_format: str | None, source: Path | None, overwrite: bool) -> OutputPlace:
    """Checks an output path.

    Raises:
        RecorderError: Unknown suffix or format, missing folder, a folder in its place, the source itself, or an
            existing file without ``overwrite``.
    """
    formats = FORMATS.get(path.suffix.lower())
    if formats is None:
        raise RecorderError(
            str(path), f"suffix {path.suffix or 'missing'}", expected="an output ending in " + _suffixes()
        )
    if file_format is not None and file_format not in formats:
        raise RecorderError(
            str(path),
            f"format {file_format} with suffix {path.suffix}",
            expected=f"{' or '.join(formats)} for {path.suffix}",
            next_step="name the output *.usd, which may hold either",
        )
    if not path.parent.is_dir():
        raise RecorderError(
            str(path), f"there is no folder {path.parent}", expected="an existing folder", next_step="create it first"
        )
    if path.is_dir():
        raise RecorderError(str(path), "is a folder", expected="a file name", next_step="add a file name to -o")
    if source is not None and path.exists() and source.exists() and os.path.samefile(source, path):
        raise RecorderError(
            str(path),
            "the output is the source scene itself",
            expected="another file; the source is never changed",
            next_step="choose another output with -o",
        )
    if path.exists() and not overwrite:
        raise RecorderError(
            str(path), "exists already", expected="a new file", next_step="use --overwrite, or another name with -o"
        )
    return OutputPlace(path, file_format or formats[0])


def _suffixes() -> str:
    return ", ".join(FORMATS)
