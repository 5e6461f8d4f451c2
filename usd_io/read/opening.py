"""Opens a stage and turns USD's own diagnostics into one SceneError or named warnings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pxr import Tf, Usd, UsdUtils

from usd_io.errors import SceneError
from usd_io.read.crate_check import crate_flaw
from usd_io.read.warning_log import WarningLog

USD_SUFFIXES = (".usd", ".usda", ".usdc", ".usdz")


def open_stage(path: str | os.PathLike[str]) -> Usd.Stage:
    """Opens a USD file with all payloads loaded.

    Raises:
        SceneError: if there is no such file, or it is not a USD file that can be read.
    """
    file = Path(path)
    _require_usd_file(file)
    flaw = crate_flaw(file)
    if flaw is not None:
        raise _unreadable(file, "", flaw)
    with quiet_diagnostics():
        try:
            stage = Usd.Stage.Open(os.fspath(file), Usd.Stage.LoadAll)
        except Tf.ErrorException as error:
            raise _unreadable(file, str(error)) from None
    if stage is None:
        raise _unreadable(file, "")
    return stage


@contextmanager
def quiet_diagnostics() -> Iterator[None]:
    """Keeps USD's own messages off the terminal: composition problems are reported by ``note_composition_errors``."""
    delegate = UsdUtils.CoalescingDiagnosticDelegate()
    try:
        yield
    finally:
        delegate.TakeCoalescedDiagnostics()
        del delegate


def note_composition_errors(stage: Usd.Stage, source: str, log: WarningLog) -> None:
    """Names each broken reference, payload or sublayer as a warning with its prim path.

    Raises:
        SceneError: for cyclic references or sublayers: no meaning can be given to them.
    """
    seen = set()
    for error in stage.GetCompositionErrors():
        text = _plain(str(error))
        site = getattr(error, "rootSite", None)
        path = str(site.path) if site else "/"
        path = "/" if path in ("", "<>") else path
        if (path, text) in seen:
            continue
        seen.add((path, text))
        if "cycle" in type(error).__name__.lower() or "Cycle detected" in text:
            raise SceneError(
                f"{source} <{path}>",
                f"cyclic composition ({text})",
                expected="references, payloads and sublayers that do not lead back to themselves",
                next_step="remove the arc that closes the circle",
            )
        log.add(path, f"composition problem: {text}", kind=f"composition {path} {text}")


def _require_usd_file(file: Path) -> None:
    choose = "give the path of a .usd, .usda, .usdc or .usdz file"
    try:
        exists, is_dir = file.exists(), file.is_dir()
        size = file.stat().st_size if exists and not is_dir else 0
    except (OSError, ValueError) as error:
        raise SceneError(str(file), f"cannot be looked up ({error})", next_step=choose) from None
    if not exists:
        raise SceneError(str(file), "no such file", expected="a USD file", next_step="check the path and its spelling")
    if is_dir:
        raise SceneError(str(file), "is a directory", expected="a USD file", next_step=choose)
    if not os.access(file, os.R_OK):
        raise SceneError(str(file), "cannot be read (permission denied)", next_step="check the file's permissions")
    if file.suffix.lower() not in USD_SUFFIXES:
        raise SceneError(
            str(file), f"has the suffix '{file.suffix}'", expected=" ".join(USD_SUFFIXES), next_step=choose
        )
    if size == 0:
        raise SceneError(str(file), "is empty (0 bytes)", expected="a USD stage", next_step="save or copy it again")


def _unreadable(file: Path, diagnostics: str, flaw: str = "") -> SceneError:
    reasons = re.findall(r"in file \S+ : '(.*?)'\n", diagnostics + "\n", re.DOTALL)
    reasons = [_plain(r) for r in reasons if not r.startswith("Failed to open layer")]
    detail = f" ({flaw or reasons[0]})" if flaw or reasons else ""
    return SceneError(
        str(file),
        f"is not a USD file that can be read{detail}",
        expected="a complete .usda text file (first line '#usda 1.0'), .usdc binary or .usdz package",
        next_step="if it was copied or downloaded, it may be cut off: fetch it again; open it in usdview to see more",
    )


def _plain(text: str) -> str:
    text = re.sub(r"0x[0-9a-f]+|pxrInternal_\w+::|\(instantiating stage.*?\)", "", text)
    return re.sub(r"\s+", " ", text).strip(" -.")[:400]
