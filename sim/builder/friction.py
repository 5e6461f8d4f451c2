"""How the friction of two shapes combines; see ``sim.forces.friction_rules``."""

from sim.errors import SimError
from sim.forces.friction_rules import COMBINE, PRIORITY, SLICK
from sim.inputs import as_count, as_number


class FrictionBuilder:
    """The part of ``ModelBuilder`` that says more about friction than a coefficient for each shape."""

    @property
    def friction_pair_count(self) -> int:
        """Number of coefficients for pairs so far."""
        return len(self.friction_pair_mu)

    def set_shape_friction_rule(
        self, shape: int, combine: str = "average", *, priority: int = 0, frictionless: bool = False
    ) -> None:
        """Says how the coefficient ``mu`` of a shape combines with that of a shape it touches.

        Args:
            shape: The shape.
            combine: ``average``, ``min``, ``multiply`` or ``max``; where two shapes differ, the later one of these.
            priority: The shape of the higher priority decides alone.
            frictionless: No friction with shapes that are frictionless, too.

        Raises:
            SimError: No such shape, an unknown way to combine.
        """
        where = "set_shape_friction_rule()"
        index = self._existing_shape(shape, where)
        if combine not in COMBINE:
            raise SimError(where, f"combine = {combine!r}", f"one of {', '.join(COMBINE)}")
        rank = int(priority)
        if rank != priority or abs(rank) > 1_000_000:
            raise SimError(where, f"priority = {priority!r}", "a whole number up to a million")
        self.shape_friction_rule[index] = COMBINE.index(combine) + SLICK * bool(frictionless) + PRIORITY * rank

    def add_friction_pair(self, shape_a: int, shape_b: int, mu: float) -> None:
        """Gives two shapes a coefficient of friction with each other, whatever their own.

        Raises:
            SimError: No such shapes, or ``mu`` below zero.
        """
        where = "add_friction_pair()"
        pair = [self._existing_shape(shape, where) for shape in (shape_a, shape_b)]
        value = as_number(mu, where, "mu", minimum=0.0)
        self.friction_pair.append(pair)
        self.friction_pair_mu.append(value)

    def _existing_shape(self, shape: int, where: str) -> int:
        index = as_count(shape, where, "shape", minimum=0)
        if index >= self.shape_count:
            raise SimError(where, f"shape = {shape}", f"one of {self.shape_count} shapes")
        return index
