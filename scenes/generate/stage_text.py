"""The parts of a scene file that all generated scenes share, as text, so that the result stays readable."""

LOOKS = {
    "Coral": (0.86, 0.22, 0.16),
    "Amber": (0.95, 0.58, 0.1),
    "Teal": (0.03, 0.42, 0.42),
    "Sky": (0.18, 0.46, 0.82),
    "Plum": (0.35, 0.1, 0.36),
    "Leaf": (0.25, 0.52, 0.14),
    "Ivory": (0.85, 0.8, 0.7),
    "Slate": (0.2, 0.23, 0.28),
}


def number(value: float) -> str:
    """A number with as many digits as it needs, four decimals at most."""
    return f"{round(value, 4) + 0.0:g}" if abs(value) < 1e5 else repr(value)


def vector(values: tuple) -> str:
    """A tuple of numbers as USD writes it."""
    return "(" + ", ".join(number(value) for value in values) + ")"


def header(doc: str, *, up: str, frames: int, fps: int = 60, metres: float = 1) -> str:
    """Stage metadata and the opening of the root prim."""
    return f'''#usda 1.0
(
    doc = """{doc}"""
    defaultPrim = "World"
    metersPerUnit = {metres:g}
    kilogramsPerUnit = 1
    upAxis = "{up}"
    startTimeCode = 0
    endTimeCode = {frames}
    timeCodesPerSecond = {fps}
    framesPerSecond = {fps}
)

def Xform "World"
{{
'''


def physics_scene(*, down: tuple, gravity: float, solver: str, substeps: int, iterations: int | None = None) -> str:
    """The PhysicsScene with the solver settings."""
    extra = f"\n        custom int simrun:iterations = {iterations}" if iterations else ""
    return f'''    def PhysicsScene "Physics"
    {{
        vector3f physics:gravityDirection = {vector(down)}
        float physics:gravityMagnitude = {number(gravity)}
        custom token simrun:solver = "{solver}"
        custom int simrun:substeps = {substeps}{extra}
    }}

'''


def ground(axis: str, size: float) -> str:
    """A static ground plane through the origin."""
    half = size / 2
    low = tuple(0 if name == axis else -half for name in "XYZ")
    high = tuple(0 if name == axis else half for name in "XYZ")
    return f'''    def Plane "Ground" (
        prepend apiSchemas = ["PhysicsCollisionAPI", "MaterialBindingAPI"]
    )
    {{
        uniform token axis = "{axis}"
        double width = {number(size)}
        double length = {number(size)}
        float3[] extent = [{vector(low)}, {vector(high)}]
        rel material:binding = </World/Looks/Floor>
        rel material:binding:physics = </World/Materials/Ground>
        color3f[] primvars:displayColor = [(0.7, 0.68, 0.65)]
    }}

'''


def material(name: str, *, friction: float, restitution: float = 0.0, density: float | None = None) -> str:
    """A rigid physics material."""
    extra = f"\n            float physics:density = {number(density)}" if density else ""
    return f'''        def Material "{name}" (
            prepend apiSchemas = ["PhysicsMaterialAPI"]
        )
        {{
            float physics:dynamicFriction = {number(friction)}
            float physics:staticFriction = {number(friction)}
            float physics:restitution = {number(restitution)}{extra}
        }}
'''


def materials(*entries: str) -> str:
    """The scope that holds the physics materials."""
    return '    def Scope "Materials"\n    {\n' + "\n".join(entries) + "    }\n\n"


def stage_dressing(*, position: tuple, turn: tuple, sun: tuple, focal_length: float = 35) -> str:
    """Looks, camera and lights, and the end of the root prim."""
    return f"""    def Scope "Looks" (
        prepend references = @../assets/looks.usda@
    )
    {{
    }}

    def Camera "Camera"
    {{
        float focalLength = {number(focal_length)}
        float horizontalAperture = 36
        float verticalAperture = 20.25
        float2 clippingRange = (0.1, 10000)
        double3 xformOp:translate = {vector(position)}
        float3 xformOp:rotateXYZ = {vector(turn)}
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]
    }}

    def DistantLight "Sun"
    {{
        float inputs:intensity = 3
        float inputs:angle = 4
        float3 xformOp:rotateXYZ = {vector(sun)}
        uniform token[] xformOpOrder = ["xformOp:rotateXYZ"]
    }}

    def DomeLight "Sky"
    {{
        float inputs:intensity = 0.6
        color3f inputs:color = (0.78, 0.86, 1)
    }}
}}
"""
