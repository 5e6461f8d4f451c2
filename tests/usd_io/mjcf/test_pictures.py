"""Height fields from PNG pictures of every kind, beside MuJoCo."""

import sys

import numpy as np
import pytest

from usd_io import SceneError, read_scene

mujoco = pytest.importorskip("mujoco")
Image = pytest.importorskip("PIL.Image")

MODEL = """<mujoco><asset><hfield name="h" file="hills.png" size="2 1 .5 .1"/></asset><worldbody>
<geom type="hfield" hfield="h"/><body><freejoint/><geom size=".1"/></body></worldbody></mujoco>"""
GREY = np.random.default_rng(0).integers(0, 256, (5, 7)).astype(np.uint8)
COLOR = np.random.default_rng(1).integers(0, 256, (5, 7, 3)).astype(np.uint8)
PICTURES = {
    "grey": lambda: Image.fromarray(GREY),
    "grey of one brightness": lambda: Image.fromarray(np.full_like(GREY, 9)),
    "grey with opacity": lambda: Image.merge("LA", (Image.fromarray(GREY), Image.fromarray(255 - GREY))),
    "sixteen bits": lambda: Image.fromarray((GREY.astype(np.uint16) * 257) - 3 * (GREY > 0).astype(np.uint16)),
    "colours": lambda: Image.fromarray(COLOR),
    "colours with opacity": lambda: Image.fromarray(np.dstack([COLOR, GREY])),
    "a palette": lambda: Image.fromarray(COLOR).quantize(16),
    "black and white": lambda: Image.fromarray(GREY > 128),
}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.xml"
    path.write_text(MODEL)
    return path


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_heights_are_mujocos(model, make):
    make().save(model.parent / "hills.png")
    field = read_scene(model).colliders[0].shape.field
    theirs = mujoco.MjModel.from_xml_path(str(model)).hfield_data.reshape(5, 7)
    assert np.allclose(field.heights, 0.5 * theirs, atol=1e-6)


def _png() -> bytes:
    from io import BytesIO

    PICTURES["grey"]().save(out := BytesIO(), "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        _png()[:60],
        _png()[:45] + bytes(20) + _png()[65:],
        _png()[:16] + (1 << 20).to_bytes(4, "big") * 2 + _png()[24:],
    ],
    ids=["empty", "no picture", "cut short", "broken", "huge"],
)
def test_broken_pictures_are_named(model, content):
    (model.parent / "hills.png").write_bytes(content)
    with pytest.raises(SceneError, match=r"model\.xml:1 <hfield name='h'>: hills\.png"):
        read_scene(model)


def test_without_pillow_the_message_says_what_to_install(model, monkeypatch):
    PICTURES["grey"]().save(model.parent / "hills.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(SceneError, match="Pillow"):
        read_scene(model)
