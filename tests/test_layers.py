"""The layers: engine ← sim ← usd_io ← app; nothing imports upward, peers are imported by nobody."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ["engine", "sim", "usd_io", "app"]
PEERS = {"warp", "newton", "mujoco", "bpy"}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", ORDER)
def test_package_imports_only_lower_layers_and_no_peer(package):
    forbidden = set(ORDER[ORDER.index(package) + 1 :]) | PEERS
    files = list((ROOT / package).rglob("*.py"))
    assert files
    offending = {str(f.relative_to(ROOT)): sorted(imported(f) & forbidden) for f in files if imported(f) & forbidden}
    assert not offending


def test_engine_does_not_know_usd():
    assert not [f for p in ("engine", "sim") for f in (ROOT / p).rglob("*.py") if "pxr" in imported(f)]
