"""Links without mass, which cannot move freely: nothing says how they would turn and speed up."""

from __future__ import annotations

from collections.abc import Callable

from usd_io.errors import SceneError
from usd_io.urdf.inertial import link_mass
from usd_io.urdf.tree import RobotTree
from usd_io.xml.element import Element

ADD_MASS = '<inertial> with <mass value="..."/> and <inertia .../>'


def has_mass(tree: RobotTree, name: str) -> bool:
    """Whether a link, or one that fixed joints below it hold to it, has mass: these move as one."""
    rigid = {name}
    for child in tree.links:  # parents come first
        joint = tree.above.get(child)
        if joint is not None and joint.parent in rigid and joint.element.attributes.get("type") == "fixed":
            rigid.add(child)
    return any(link_mass(tree.links[each]).mass > 0.0 for each in rigid)


def check_floating_root(tree: RobotTree) -> None:
    """Refuses to let a root move freely that has no mass.

    Raises:
        SceneError: Neither the root nor a link fixed to it has mass.
    """
    if not has_mass(tree, tree.root):
        raise SceneError(
            tree.links[tree.root].where,
            f"the root link {tree.root!r} shall float (--floating), and neither it nor a link fixed to it has mass",
            expected=f"an {ADD_MASS}",
            next_step="add that to the link, or leave --floating out to fix it to the world",
        )


def is_held(tree: RobotTree, name: str, warn: Callable[[Element, str], None]) -> bool:
    """Whether a link below a ``floating`` joint is held instead, as it has no mass; says so."""
    joint = tree.above[name]
    if joint.element.attributes.get("type") != "floating" or has_mass(tree, name):
        return False
    warn(
        joint.element,
        f"the joint {joint.name!r} is taken as fixed: its link {name!r} has no mass to move freely with; add an {ADD_MASS}",
    )
    return True
