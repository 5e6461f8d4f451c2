"""Errors of the file layer."""


class SceneError(Exception):
    """A scene file cannot be used; the message says where, what was found, what was expected and what to do.

    Attributes:
        where: File, or file and prim path, e.g. ``scene.usda </World/Box>``.
        got: What was found there.
        expected: What would have worked.
        next_step: What the user can do about it.
    """

    def __init__(self, where: str, got: str, *, expected: str = "", next_step: str = ""):
        self.where, self.got, self.expected, self.next_step = where, got, expected, next_step
        text = f"{where}: {got}"
        if expected:
            text += f"; expected {expected}"
        if next_step:
            text += f". {next_step[:1].upper()}{next_step[1:]}"
        super().__init__(text.rstrip(".") + ".")

    def __reduce__(self):
        return _rebuild, (type(self), self.where, self.got, self.expected, self.next_step)


class NothingToSimulateError(SceneError):
    """The file is a fine scene, but nothing in it moves: no dynamic body, cloth, soft body, cable or particles."""


def _rebuild(cls: type[SceneError], where: str, got: str, expected: str, next_step: str) -> SceneError:
    return cls(where, got, expected=expected, next_step=next_step)
