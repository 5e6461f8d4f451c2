"""Shape type numbers as the kernels see them; the same numbers the builder stores in `shape_geo.type`."""

import engine as en

SPHERE = en.constant(0)
BOX = en.constant(1)
CAPSULE = en.constant(2)
CYLINDER = en.constant(3)
CONE = en.constant(4)
MESH = en.constant(5)
PLANE = en.constant(7)
