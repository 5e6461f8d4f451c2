"""Which geoms may touch: contype and conaffinity as groups, excluded bodies, explicit pairs."""

from __future__ import annotations

from collections.abc import Callable

from usd_io.records import CollisionGroupRecord, SceneRecord
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
    record.collision_groups = _groups(geoms)
    paths = {body.name: path for body, path in body_paths.items() if body.name}
    for document, prefix, suffix in documents:
        for section in document.root.each("contact"):
            for element in section.children:
                if element.tag == "pair":
                    warn(element, "explicit contact pairs are not used; geoms touch by contype and conaffinity")
                    continue
                if element.tag != "exclude":
                    continue
                names = [f"{prefix}{element.attributes.get(k, '')}{suffix}" for k in ("body1", "body2")]
                ends = [paths.get(name) for name in names]
                if None in ends:
                    warn(element, f"excludes {' and '.join(names)}, which are not both bodies; left out")
                else:
                    record.filtered_pairs.append((ends[0], ends[1]))


def _groups(geoms) -> list[CollisionGroupRecord]:
    """One group for each pair of masks; two geoms touch when one's contype meets the other's conaffinity."""
    members: dict[tuple[int, int], set[str]] = {}
    for path, (_, geom) in geoms.items():
        members.setdefault((geom.contype, geom.conaffinity), set()).add(path)

    def name(mask: tuple[int, int]) -> str:
        return f"/contype_{mask[0]}_conaffinity_{mask[1]}"

    groups = []
    for mask, paths in members.items():
        apart = {name(m) for m in members if not (mask[0] & m[1] or m[0] & mask[1])}
        groups.append(CollisionGroupRecord(name(mask), frozenset(paths), frozenset(apart)))
    return [] if all(not g.filtered_groups for g in groups) else groups
