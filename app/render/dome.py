"""The picture around a scene, as its lights take it: what arrives from all sides, and how a surface is lit by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class DomeImage:
    """A latlong image on a dome.

    Pixel centres lie at latitude π/2 .. -π/2 from the top, longitude π .. -π from the left. Before it is turned, latitude
    π/2 is +y, longitude 0 is +z and longitude π/2 is +x (as OpenEXR has it).

    Attributes:
        name: where it came from.
        pixels: [height, width, 3] float32 linear, top row first.
        pole: [3, 3] rotation from the image's axes to those of the light.
    """

    name: str
    pixels: np.ndarray
    pole: np.ndarray = field(default_factory=lambda: np.eye(3))

    @cached_property
    def moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Integrals over the sphere, in the image's axes: of the light [3], of it times direction [3, 3] and times direction
        twice [3, 3, 3]; colour comes last.
        """
        height, width = self.pixels.shape[:2]
        edges = np.linspace(0.5 * np.pi, -0.5 * np.pi, height + 1)
        latitude, longitude = 0.5 * (edges[1:] + edges[:-1]), np.pi - (np.arange(width) + 0.5) * (2.0 * np.pi / width)
        area = (np.sin(edges[:-1]) - np.sin(edges[1:])) * (2.0 * np.pi / width)
        # A direction's parts are products of a function of the row and one of the column: sum along rows first.
        s, c = np.sin(longitude), np.cos(longitude)
        along = np.stack([np.ones(width), s, c, s * s, s * c, c * c])
        # Some rows at a time: in double precision, large images would take hundreds of megabytes.
        blocks = [along @ self.pixels[k : k + 64].astype(np.float64) for k in range(0, height, 64)]
        one, x, z, xx, xz, zz = np.concatenate(blocks).transpose(1, 0, 2)
        flat, high = np.cos(latitude), np.sin(latitude)

        def total(rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
            return (area * weight) @ rows

        first = np.stack([total(x, flat), total(one, high), total(z, flat)])
        xy, yz, both = total(x, flat * high), total(z, flat * high), total(xz, flat * flat)
        second = np.array([
            [total(xx, flat * flat), xy, both],
            [xy, total(one, high * high), yz],
            [both, yz, total(zz, flat * flat)],
        ])  # fmt: skip
        return total(one, np.ones(height)), first, second

    @property
    def mean(self) -> np.ndarray:
        """Mean radiance over the sphere [3]."""
        return self.moments[0] / (4.0 * np.pi)


@dataclass(frozen=True, eq=False)
class Dome:
    """An image as it stands around a scene.

    Attributes:
        image: the picture.
        to_image: [3, 3]: directions of the world in the image's axes.
        color: factor on its values [3].
        diffuse: [9, 3]: what a white surface gives back, as a polynomial of its normal: factors of 1, x, y, z, xx, yy, xy,
            yz, zx; by spherical harmonics up to the second order.
    """

    image: DomeImage
    to_image: np.ndarray
    color: np.ndarray
    diffuse: np.ndarray


def diffuse_polynomial(image: DomeImage, to_world: np.ndarray) -> np.ndarray:
    """`Dome.diffuse` [9, 3] of an image whose axes are turned by `to_world` [3, 3].

    After Ramamoorthi and Hanrahan (2001): bands 0, 1, 2 of the light, weighted by π, 2π/3, π/4, here divided by π. The addition
    theorem makes each band a Legendre polynomial of normal times direction, so moments of the light are all it takes.
    """
    m0, m1, m2 = image.moments
    first = np.einsum("ij,jc->ic", to_world, m1) / (2.0 * np.pi)
    second = np.einsum("ij,jkc,lk->ilc", to_world, m2, to_world) * (15.0 / (32.0 * np.pi))
    constant = m0 / (4.0 * np.pi) - m0 * (5.0 / (32.0 * np.pi))
    # Normals have length 1: zz is 1 - xx - yy.
    zz = second[2, 2]
    return np.stack([
        constant + zz, *first, second[0, 0] - zz, second[1, 1] - zz, 2 * second[0, 1], 2 * second[1, 2], 2 * second[0, 2],
    ])  # fmt: skip


def brightest_side(dome: Dome, up: np.ndarray) -> np.ndarray:
    """Unit direction [3] from which most light comes, at least 45° above the ground."""
    side = dome.diffuse[1:4].sum(axis=1)
    level = side - (side @ up) * up
    rise = max(float(side @ up), float(np.linalg.norm(level)), 1e-9)
    direction = level + rise * up
    return direction / np.linalg.norm(direction)
