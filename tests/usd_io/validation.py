"""Both USD validators over a written stage: OpenUSD's own and NVIDIA's ``usd-validation-nvidia``.

    from tests.usd_io.validation import new_errors
    assert new_errors(output, source) == []

Errors that the untouched source has already are not the writer's, and are left out when a source is given.
"""

from __future__ import annotations

import re
from pathlib import Path

from pxr import Usd, UsdValidation

NOT_APPLICABLE: dict[str, str] = {
    "usdUtilsValidators:RootPackageValidator": "only for .usdz packages",
    "usdUtilsValidators:UsdzPackageValidator": "only for .usdz packages",
    "usdUtilsValidators:PackageEncapsulationValidator": (
        "an override layer names its source outside its own folder on purpose; --flatten makes a self-contained file"
    ),
}
"""Rules of OpenUSD that are not run, and why."""

ASCII_RULE = "UsdAsciiPerformanceChecker"
"""Refuses large text layers; skipped for outputs the user asked to have as text (``--format usda``, ``*.usda``)."""


def core_errors(path: Path) -> set[tuple[str, str]]:
    """Errors of all ``UsdValidation`` validators as (rule, message)."""
    registry = UsdValidation.ValidationRegistry()
    validators = registry.GetOrLoadAllValidators()
    context = UsdValidation.ValidationContext([v for v in validators if v.GetMetadata().name not in NOT_APPLICABLE])
    found = set()
    for error in context.Validate(Usd.Stage.Open(str(path))):
        if error.GetType() == UsdValidation.ValidationErrorType.Error:
            found.add((error.GetValidator().GetMetadata().name, _without_file(error.GetMessage())))
    return found


def nvidia_errors(path: Path) -> set[tuple[str, str]]:
    """Failures and errors of every rule of ``usd-validation-nvidia`` as (rule, message and place)."""
    from usd_validation_nvidia import IssueSeverity, ValidationEngine

    found = set()
    for issue in ValidationEngine().validate(str(path)).issues():
        if issue.severity in (IssueSeverity.FAILURE, IssueSeverity.ERROR):
            rule = issue.rule.__name__ if issue.rule else "engine"
            place = getattr(issue.at, "path", None) or getattr(getattr(issue.at, "prim_id", None), "path", "")
            found.add((rule, f"{_without_file(issue.message)} <{place}>"))
    return found


def new_errors(output: Path, source: Path | None = None) -> list[tuple[str, str]]:
    """Errors of both validators in ``output`` that ``source`` does not have itself, sorted."""
    found = core_errors(output) | nvidia_errors(output)
    if output.read_bytes().startswith(b"#usda"):
        found = {(rule, message) for rule, message in found if rule != ASCII_RULE}
    if source is not None:
        found -= core_errors(source) | nvidia_errors(source)
    return sorted(found)


def _without_file(message: str) -> str:
    """The same words whichever file the complaint is about."""
    return re.sub(r"[^\s'\"@<]*\.usd[acz]?\b", "FILE", message)
