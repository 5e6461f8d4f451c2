"""Binary USD files with impossible counts are refused before OpenUSD allocates what they ask for."""

import struct

import pytest
from pxr import Sdf

from usd_io import SceneError, read_usd
from usd_io.read.crate_check import crate_flaw

SECTION = struct.Struct("<16sqq")


@pytest.fixture
def crate(tmp_path):
    """(path, bytes, place of the table of contents) of a sound file."""
    layer = Sdf.Layer.CreateNew(str(tmp_path / "scene.usdc"))
    for i in range(20):
        Sdf.PrimSpec(layer, f"prim_{i}", Sdf.SpecifierDef, "Xform")
    layer.Save()
    path = tmp_path / "scene.usdc"
    data = bytearray(path.read_bytes())
    return path, data, struct.unpack("<q", data[16:24])[0]


def sections(data, toc) -> dict[str, int]:
    """Where each section's entry stands in the table of contents."""
    count = struct.unpack("<Q", data[toc : toc + 8])[0]
    places = [toc + 8 + SECTION.size * i for i in range(count)]
    return {data[p : p + 16].split(b"\0")[0].decode(): p for p in places}


def test_sound_files_pass(crate, tmp_path):
    assert crate_flaw(crate[0]) is None
    text = tmp_path / "scene.usda"
    text.write_text("#usda 1.0\n")
    assert crate_flaw(text) is None


@pytest.mark.parametrize("name", ["TOKENS", "STRINGS", "FIELDS", "FIELDSETS", "PATHS", "SPECS"])
def test_a_huge_count_in_a_section_is_named(crate, name):
    path, data, toc = crate
    start = SECTION.unpack(data[sections(data, toc)[name] :][: SECTION.size])[1]
    data[start + 4] = 0x70
    path.write_bytes(data)
    with pytest.raises(SceneError, match=f"its section {name} says"):
        read_usd(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data, toc: data.__setitem__(slice(16, 24), struct.pack("<q", 1 << 40)), "table of contents stands"),
        (lambda data, toc: data.__setitem__(slice(16, 24), struct.pack("<q", -5)), "table of contents stands"),
        (lambda data, toc: data.__setitem__(toc + 3, 0x14), "sections, more than"),
        (lambda data, toc: data.__setitem__(slice(toc + 24, toc + 32), struct.pack("<q", 1 << 40)), "reaches from"),
        (lambda data, toc: data.__setitem__(slice(20, None), b""), "ends within its header"),
        (lambda data, toc: data.__setitem__(slice(toc + 30, None), b""), "more than it has room"),
    ],
)
def test_a_broken_table_of_contents_is_named(crate, change, said):
    path, data, toc = crate
    change(data, toc)
    path.write_bytes(data)
    with pytest.raises(SceneError, match=said):
        read_usd(path)


@pytest.mark.parametrize("where", ["a sublayer", "a type"])
def test_text_that_is_no_utf_8_is_named(tmp_path, where):
    layer = Sdf.Layer.CreateNew(str(tmp_path / "scene.usdc"))
    prim = Sdf.PrimSpec(layer, "prim", Sdf.SpecifierDef, "Xform")
    if where == "a type":
        prim.typeName = "nowhere_to_be_found"
    else:
        layer.subLayerPaths.append("nowhere_to_be_found.usda")
    layer.Save()
    data = (tmp_path / "scene.usdc").read_bytes()
    assert data.count(b"nowhere_to") == 1
    path = tmp_path / "broken.usdc"
    path.write_bytes(data.replace(b"nowhere_to", b"nowhere\xd6to"))
    with pytest.raises(SceneError, match=r"broken\.usdc: holds text that is not UTF-8"):
        read_usd(path)
