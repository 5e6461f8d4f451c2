"""The adapters without the packages that they adapt to."""

import pytest

import engine as en


@pytest.mark.parametrize(
    ("package", "call"),
    [("torch", lambda: en.from_torch(None)), ("torch", lambda: en.to_torch(None)), ("jax", lambda: en.to_jax(None)),
     ("jax", lambda: en.from_jax(None)), ("jax", lambda: en.jax_kernel(None))],
)  # fmt: skip
def test_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, package, call):
    import importlib

    real = importlib.import_module

    def absent(name, *args):
        if name.split(".")[0] in ("torch", "jax"):
            raise ImportError(f"No module named '{name}'")
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(en.EngineError, match=f"pip install {package}"):
        call()


def test_engine_starts_without_importing_them():
    import subprocess
    import sys

    code = "import sys, engine; sys.exit(any(m in sys.modules for m in ('torch', 'jax')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
