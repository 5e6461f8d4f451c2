"""The tutorial runs from top to bottom, every block as a reader would paste it."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python(?: requires=(\w+))?\n(.*?)^```$", re.M | re.S)


def test_tutorial_runs(tmp_path):
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```python") >= 10
    parts = [code for package, code in blocks if not package or importlib.util.find_spec(package)]
    script = tmp_path / "tutorial.py"
    script.write_text("\n\n".join(parts), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SIMRUN_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_links_of_the_documents_exist():
    for name in ("tutorial.md", "language.md"):
        for target in re.findall(r"\]\(([\w./]+\.md)\)", (ROOT / "docs" / name).read_text(encoding="utf-8")):
            assert (ROOT / "docs" / target).exists(), f"{name}: {target}"
