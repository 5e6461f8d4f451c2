"""Material constants of engineering (Young's modulus, Poisson's ratio, thickness) as solver parameters.

Linear elasticity gives shear modulus G = E/(2(1+nu)) and the first Lame parameter lambda. The solver's energies are
nonlinear; the parameters below make them agree with linear elasticity for small strain:

* Triangles, per rest area, ``ke/2 |F|^2 + ka/2 (J - 1 - ke/ka)^2``: Lame parameters ke and ka - ke. A plate in plane
  stress has G h and E h nu/(1 - nu^2) (Timoshenko, Theory of Plates and Shells), so ke = G h, ka = ke + lambda.
* Tetrahedra, stable neo-Hookean: k_mu = 4/3 G, k_lambda = lambda + 5/6 G (Smith, de Goes and Kim 2018, section 3.4).
* Hinges, ``edge_ke/2 L theta^2``: with plate stiffness D = E h^3/(12 (1 - nu^2)) a hinge between triangles of areas
  A1 and A2 stores 3/2 D L^2/(A1 + A2) theta^2 (Tamstorf and Grinspun 2013), so edge_ke = 3 D L/(A1 + A2).
"""

from __future__ import annotations

import numpy as np

MAX_POISSON = 0.49
"""Nearer to 0.5 the volume term is stiffer than any explicit step can take."""


def shear_modulus(youngs: float, poisson: float) -> float:
    """G [Pa]."""
    return youngs / (2.0 * (1.0 + poisson))


def membrane_parameters(youngs: float, poisson: float, thickness: float, shear: float | None) -> tuple[float, float]:
    """(tri_ke, tri_ka) [N/m] of a plate in plane stress; ``shear`` [Pa] replaces E/(2(1+nu))."""
    nu = min(poisson, MAX_POISSON)
    ke = (shear_modulus(youngs, nu) if shear is None else shear) * thickness
    return ke, ke + max(youngs * thickness * nu / (1.0 - nu * nu), 0.0)


def tetrahedron_parameters(youngs: float, poisson: float) -> tuple[float, float]:
    """(k_mu, k_lambda) [Pa]."""
    nu = min(poisson, MAX_POISSON)
    G = shear_modulus(youngs, nu)
    first_lame = youngs * nu / ((1.0 + nu) * (1.0 - 2.0 * nu))
    return 4.0 / 3.0 * G, first_lame + 5.0 / 6.0 * G


def plate_stiffness(youngs: float, poisson: float, thickness: float) -> float:
    """Bending stiffness D of a plate [N m]."""
    return youngs * thickness**3 / (12.0 * (1.0 - min(poisson, MAX_POISSON) ** 2))


def hinge_stiffness(plate: float, lengths: np.ndarray, area_sums: np.ndarray) -> np.ndarray:
    """edge_ke [N] of hinges of rest lengths [m] between triangles of summed areas [m^2]."""
    return 3.0 * plate * lengths / area_sums
