"""Mathematical constants, as Python floats: kernels take them in the precision that they meet."""

import math

E = e = math.e
LOG2E = log2e = math.log2(math.e)
LOG10E = log10e = math.log10(math.e)
LN2 = ln2 = math.log(2.0)
LN10 = ln10 = math.log(10.0)
PHI = phi = (1.0 + math.sqrt(5.0)) / 2.0
PI = pi = math.pi
HALF_PI = half_pi = math.pi / 2.0
TAU = tau = math.tau
INF = inf = math.inf
NAN = nan = math.nan

__all__ = [
           "HALF_PI",
           "INF",
           "LN2",
           "LN10",
           "LOG2E",
           "LOG10E",
           "NAN",
           "PHI",
           "PI",
           "TAU",
           "E",
           "e",
           "half_pi",
           "inf",
           "ln2",
           "ln10",
           "log2e",
           "log10e",
           "nan",
           "phi",
           "pi",
           "tau",
]  # fmt: skip
