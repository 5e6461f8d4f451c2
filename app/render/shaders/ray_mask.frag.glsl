#version 330 core
#include "frame.glsl"
#include "ray.glsl"
out vec4 pixel;
void main() {
    vec3 at, n;
    if (!ray_hit(at, n)) discard;
    pixel = vec4(strength);
}
