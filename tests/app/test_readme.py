"""What the README promises on its first screen."""

from __future__ import annotations

import re

import numpy as np

from tests.app.conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_script_is_short_and_lets_the_cloth_stand_in_the_wind(capsys):
    script = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)
    assert len([line for line in script.splitlines() if line.strip()]) <= 18
    names: dict = {"__name__": "readme"}
    # A kernel reads its own source from its file, so the script keeps its lines in this one.
    padding = "\n" * README[: README.index(script)].count("\n")
    exec(compile(padding + script, str(ROOT / "README.md"), "exec"), names)
    points = names["now"].particle_q.numpy()
    assert np.isfinite(points).all() and points[:, 2].mean() > 0.3
    assert capsys.readouterr().out.startswith("[")


def test_linked_files_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
