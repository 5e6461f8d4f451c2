#version 330 core
#include "frame.glsl"
in vec2 in_corner;
uniform vec3 right;    // half the picture, at unit distance or, when orthographic, in metres
uniform vec3 upward;
uniform vec3 ahead;
out vec3 start;
out vec3 ray;
void main() {
    vec3 aside = in_corner.x * right + in_corner.y * upward;
    start = eye.xyz + (eye.w > 0.5 ? vec3(0.0) : aside);
    ray = ahead + (eye.w > 0.5 ? aside : vec3(0.0));
    gl_Position = vec4(in_corner, 1.0, 1.0);
}
