"""Shape type numbers, as stored in ``Model.shape_geo.type``."""

GEO_SPHERE = 0
GEO_BOX = 1
GEO_CAPSULE = 2
GEO_CYLINDER = 3
GEO_CONE = 4
GEO_MESH = 5
GEO_SDF = 6
GEO_PLANE = 7
GEO_NONE = 8
GEO_ELLIPSOID = 9

GEO_NAMES = {
    GEO_SPHERE: "sphere",
    GEO_BOX: "box",
    GEO_CAPSULE: "capsule",
    GEO_CYLINDER: "cylinder",
    GEO_CONE: "cone",
    GEO_MESH: "mesh",
    GEO_SDF: "sdf",
    GEO_PLANE: "plane",
    GEO_NONE: "none",
    GEO_ELLIPSOID: "ellipsoid",
}
