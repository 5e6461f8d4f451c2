"""Which geoms may touch: contype and conaffinity as groups, excluded bodies, explicit pairs."""

from __future__ import annotations

from collections.abc import Callable

from usd_io.mjcf.geoms import SPIN, read_condim, read_friction
from usd_io.mjcf.ignored import MARGIN, SOFTNESS
from usd_io.records import CollisionGroupRecord, SceneRecord
from usd_io.xml.attributes import number, numbers
from usd_io.xml.element import Element


def read_contacts(documents, body_paths, geoms, record: SceneRecord, warn: Callable[[Element, str], None]) -> None:
    """Fills ``collision_groups`` and ``filtered_pairs`` of the record.

    Args:
        documents: (document, prefix, suffix) of the model and all attached ones.
        body_paths: Prim path of each ``Body``.
        geoms: Collider path to (collider, geom).
        record: Receives the result.
        warn: Takes what is not simulated.
    """
    paths = {body.name: path for body, path in body_paths.items() if body.name}
    by_name = {geom.name: path for path, (_, geom) in geoms.items() if geom.name}
    pairs: set[frozenset[str]] = set()
    excluded: list[tuple[str, str]] = []
    for document, prefix, suffix in documents:
        for section in document.root.each("contact"):
            for element in section.children:
                known = {"pair": (by_name, "geom"), "exclude": (paths, "body")}.get(element.tag)
                if known is None:
                    continue
                names = [f"{prefix}{element.attributes.get(f'{known[1]}{i}', '')}{suffix}" for i in (1, 2)]
                ends = tuple(known[0].get(name) for name in names)
                if None in ends:
                    warn(element, f"names {' and '.join(names)}, which cannot both touch something; left out")
                elif element.tag == "exclude":
                    excluded.append(ends)
                else:
                    pairs.add(frozenset(ends))
                    record.pair_frictions[ends] = _pair_friction(document.merged(element), element, warn)
    _filter_bodies(record, geoms, pairs, excluded)
    record.collision_groups = _groups(geoms, pairs)


def _pair_friction(values, element: Element, warn: Callable[[Element, str], None]) -> float:
    """The coefficient of an explicit pair; 1 where it says none, whatever its geoms say, as in MuJoCo."""
    if values.keys() & {"solref", "solreffriction", "solimp"}:
        warn(element, SOFTNESS)
    margin, gap = (number(element, name, 0.0, source=values) for name in ("margin", "gap"))
    if margin != gap:
        warn(element, MARGIN)
    condim = read_condim(element, values)
    if condim > 3:
        warn(element, SPIN)
    both = numbers(element, "friction", (1.0, 1.0), source=values)
    if len(both) > 1 and both[0] != both[1]:
        warn(element, "friction that differs with the direction: its first coefficient holds for all")
    return 0.0 if condim == 1 else read_friction(element, values)


def _filter_bodies(record: SceneRecord, geoms, pairs: set[frozenset[str]], excluded: list[tuple[str, str]]) -> None:
    """Bodies that do not touch, excluded ones or parent and child: what an explicit pair names of them touches after all."""
    on_body: dict[str | None, list[str]] = {}
    for path, (collider, _) in geoms.items():
        on_body.setdefault(collider.body_path, []).append(path)
    paired = {frozenset(geoms[path][0].body_path for path in pair) for pair in pairs}

    def all_but_pairs(a: str, b: str) -> list[tuple[str, str]]:
        rows = [(m, n) for m in on_body.get(a, ()) for n in on_body.get(b, ())]
        return [row for row in rows if frozenset(row) not in pairs]

    for a, b in excluded:
        record.filtered_pairs += all_but_pairs(a, b) if frozenset((a, b)) in paired else [(a, b)]
    for joint in record.joints:
        if joint.filter_collision and frozenset((joint.parent_path, joint.child_path)) in paired:
            joint.filter_collision = False
            record.filtered_pairs += all_but_pairs(joint.parent_path, joint.child_path)


def _groups(geoms, pairs: set[frozenset[str]]) -> list[CollisionGroupRecord]:
    """Groups of geoms that touch the same ones: two touch when one's contype meets the other's conaffinity, or as a pair.

    A geom of an explicit pair is a group of its own.
    """
    alone = frozenset(path for pair in pairs for path in pair)
    members: dict[tuple[int, int, str], set[str]] = {}
    for path, (_, geom) in geoms.items():
        members.setdefault((geom.contype, geom.conaffinity, path if path in alone else ""), set()).add(path)

    def name(key: tuple[int, int, str]) -> str:
        return f"/contype_{key[0]}_conaffinity_{key[1]}{key[2].replace('/', '_')}"

    def meet(a: tuple[int, int, str], b: tuple[int, int, str]) -> bool:
        return bool(a[0] & b[1] or b[0] & a[1]) or frozenset((a[2], b[2])) in pairs

    groups = [
        CollisionGroupRecord(name(key), frozenset(paths), frozenset(name(k) for k in members if not meet(key, k)))
        for key, paths in members.items()
    ]
    return [] if all(not g.filtered_groups for g in groups) else groups
