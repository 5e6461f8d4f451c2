#version 330 core
#include "frame.glsl"
#include "ray.glsl"
out uvec4 pixel;
void main() {
    vec3 at, n;
    if (!ray_hit(at, n)) discard;
    pixel = uvec4(id.x + 1u, id.y, 0u, floatBitsToUint(gl_FragDepth));
}
