"""Shape type numbers as the kernels see them: those that the builder stores in `shape_geo.type`, and finer ones.

`CONVEX`, `FIELD` and `TRIANGLE` are known to rigid contacts only: closed convex meshes, height fields (both meshes to
everything else), and one triangle of a surface.
"""

import engine as en

SPHERE = en.constant(0)
BOX = en.constant(1)
CAPSULE = en.constant(2)
CYLINDER = en.constant(3)
CONE = en.constant(4)
MESH = en.constant(5)
PLANE = en.constant(7)
ELLIPSOID = en.constant(9)
CONVEX = en.constant(10)
FIELD = en.constant(11)
TRIANGLE = en.constant(12)
