#version 330 core
#include "frame.glsl"
#include "instance.glsl"
in vec3 in_position;
uniform mat4 light_matrix;

void main() {
    if ((in_id.z & HIDDEN) != 0u) { gl_Position = NOWHERE; return; }
    gl_Position = light_matrix * vec4(to_world(in_position), 1.0);
}
