"""The error and the warning of the physics layer."""


class SimError(ValueError):
    """Physics input that cannot be simulated: says where, what was found, what was expected and what to do next."""

    def __init__(self, where: str, got: str, expected: str, next_step: str = ""):
        self.where, self.got, self.expected, self.next_step = where, got, expected, next_step
        message = f"{where}: got {got}; expected {expected}"
        super().__init__(f"{message}; {next_step}" if next_step else message)


class SimWarning(UserWarning):
    """Physics input that was repaired, dropped or only partly used."""
