"""Which friction coefficient two shapes have together.

Each shape says how its coefficient combines; of two different ways the later one in ``COMBINE`` holds, as in PhysX. A shape of
higher priority decides alone, and shapes without friction slide on each other but not on those that have some, as in MuJoCo.
Pairs may have a coefficient of their own.
"""

import numpy as np

import engine as en

COMBINE = ("average", "min", "multiply", "max")
AVERAGE, LEAST, PRODUCT, LARGEST = range(4)
SLICK = 4
"""Bit of a rule: without friction against what has none either."""
PRIORITY = 8
"""The rest of a rule is so many times its priority."""


@en.struct
class FrictionRules:
    """``rule`` of each shape [shape_count]: way to combine + ``SLICK`` + ``PRIORITY`` * priority.

    Coefficients of pairs stand at the smaller shape: entries ``start[a]`` to ``start[a + 1]`` of ``other`` and ``mu``.
    """

    rule: en.array(dtype=int)
    start: en.array(dtype=int)
    other: en.array(dtype=int)
    mu: en.array(dtype=float)


@en.func
def pair_friction(shape_mu: en.array(dtype=float), rules: FrictionRules, a: int, b: int) -> float:
    """Coulomb coefficient of two shapes."""
    rule_a = rules.rule[a]
    rule_b = rules.rule[b]
    mu_a = shape_mu[a]
    mu_b = shape_mu[b]
    mu = 0.5 * (mu_a + mu_b)
    if rule_a != 0 or rule_b != 0:
        # (shifts round down, also below zero)
        if (rule_a >> 3) != (rule_b >> 3):
            rule = rule_a
            mu = mu_a
            if (rule_b >> 3) > (rule_a >> 3):
                rule = rule_b
                mu = mu_b
            if (rule & 4) != 0:
                mu = 0.0
        else:
            combine = en.max(rule_a & 3, rule_b & 3)
            if combine == 1:
                mu = en.min(mu_a, mu_b)
            if combine == 2:
                mu = mu_a * mu_b
            if combine == 3:
                mu = en.max(mu_a, mu_b)
            if (rule_a & rule_b & 4) != 0:
                mu = 0.0
    low = en.min(a, b)
    high = en.max(a, b)
    for i in range(rules.start[low], rules.start[low + 1]):
        if rules.other[i] == high:
            mu = rules.mu[i]
    return mu


def pair_rows(pairs: np.ndarray, mu: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``start``, ``other`` and ``mu`` of the rules for pairs [n, 2] of ``count`` shapes; of equal pairs the last holds."""
    low, high = pairs.min(axis=1, initial=count), pairs.max(axis=1, initial=0)
    order = np.lexsort((high, low))
    start = np.zeros(count + 1, dtype=np.int32)
    np.cumsum(np.bincount(low, minlength=count), out=start[1:])
    return start, high[order].astype(np.int32), mu[order].astype(np.float32)
