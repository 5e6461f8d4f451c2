#version 330 core
#include "frame.glsl"
#include "ray.glsl"
void main() {
    vec3 at, n;
    if (!ray_hit(at, n)) discard;
}
