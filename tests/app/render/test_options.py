"""Draw options are watched; overlays collect lines."""

import numpy as np
import pytest

from app.render.options import DrawOptions, Overlay


def test_subscribers_hear_of_changes_only():
    options, heard = DrawOptions(), []
    end = options.subscribe(heard.append)
    options.shadows = True
    options.shadows = False
    options.selected = ("/World/Box",)
    end()
    options.grid = False
    assert heard == ["shadows", "selected"]


def test_unknown_shading_names_the_known_ones():
    with pytest.raises(ValueError, match="wireframe on shaded"):
        DrawOptions().shading = "hidden line"


def test_settings_survive_being_stored():
    options = DrawOptions(shading="wireframe", exposure=1.5)
    assert DrawOptions(**options.as_dict()).as_dict() == options.as_dict()


def test_boxes_have_twelve_edges_each():
    overlay = Overlay()
    overlay.boxes(np.stack([np.eye(4)] * 2), [[1, 2, 3], [1, 1, 1]], (1, 0, 0))
    ((ends, colors, _, _),) = overlay.segments
    assert ends.shape == (24, 2, 3) and colors.shape == (24, 4)
    lengths = np.sort(np.linalg.norm(ends[:12, 1] - ends[:12, 0], axis=1))
    np.testing.assert_allclose(lengths, [2] * 4 + [4] * 4 + [6] * 4)


def test_arrow_heads_end_at_the_tip():
    overlay = Overlay()
    overlay.arrows([[1, 0, 0]], [[0, 2, 0]], (0, 0, 1))
    ((ends, _, _, _),) = overlay.segments
    np.testing.assert_allclose(ends[0], [[1, 0, 0], [1, 2, 0]])
    assert len(ends) == 5 and all(np.allclose(head[0], [1, 2, 0]) for head in ends[1:])
