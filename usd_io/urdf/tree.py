"""Links and joints of a robot, checked to form one tree."""

from __future__ import annotations

from dataclasses import dataclass

from usd_io.errors import SceneError
from usd_io.xml.attributes import required
from usd_io.xml.element import Element


@dataclass(eq=False)
class UrdfJoint:
    """One joint element with the links it names."""

    element: Element
    name: str
    parent: str
    child: str


@dataclass
class RobotTree:
    """A robot's links by name, parents first, and the joint above each link."""

    root: str
    links: dict[str, Element]
    above: dict[str, UrdfJoint]


def robot_tree(robot: Element) -> RobotTree:
    """Finds the tree.

    Raises:
        SceneError: No link, double names, joints of links that are not there, several roots, a circle.
    """
    links = _named(robot, "link")
    if not links:
        raise SceneError(robot.where, "has no link", expected="<link> elements")
    above: dict[str, UrdfJoint] = {}
    below: dict[str, list[UrdfJoint]] = {}
    for name, element in _named(robot, "joint").items():
        joint = UrdfJoint(element, name, _end(element, "parent", links), _end(element, "child", links))
        if joint.child in above:
            other = above[joint.child].name
            raise SceneError(
                element.where,
                f"the link {joint.child!r} is the child of joint {other!r} as well",
                expected="one joint above each link",
                next_step="URDF has no closed loops; leave one of the joints out",
            )
        above[joint.child] = joint
        below.setdefault(joint.parent, []).append(joint)
    roots = [name for name in links if name not in above]
    if not roots:
        raise SceneError(
            robot.where, "every link is the child of a joint", expected="a root link: the joints form a circle"
        )
    if len(roots) > 1:
        raise SceneError(
            robot.where,
            f"{len(roots)} links have no joint above them: {', '.join(roots[:8])}",
            expected="one root link",
            next_step="connect the others to it, for instance by fixed joints",
        )
    ordered, waiting = {}, [roots[0]]
    while waiting:
        name = waiting.pop()
        ordered[name] = links[name]
        waiting.extend(joint.child for joint in reversed(below.get(name, [])))
    lost = [name for name in links if name not in ordered]
    if lost:
        raise SceneError(links[lost[0]].where, f"the links {', '.join(lost[:8])} form a circle", expected="a tree")
    return RobotTree(roots[0], ordered, above)


def _named(robot: Element, tag: str) -> dict[str, Element]:
    result: dict[str, Element] = {}
    for element in robot.each(tag):
        name = required(element, "name", f"name of the {tag}")
        if name in result:
            raise SceneError(
                element.where,
                f"a second {tag} of this name (the first is on line {result[name].line})",
                expected="unique names",
            )
        result[name] = element
    return result


def _end(joint: Element, which: str, links: dict[str, Element]) -> str:
    element = joint.only(which)
    if element is None:
        raise SceneError(joint.where, f"has no <{which}>", expected=f'<{which} link="..."/>')
    link = required(element, "link", "name of a link")
    if link not in links:
        raise SceneError(element.where, f"there is no link {link!r}", expected=f"one of {', '.join(list(links)[:10])}")
    return link
