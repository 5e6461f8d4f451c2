#version 330 core
#include "frame.glsl"
#include "instance.glsl"
in vec3 in_position;
flat out float strength;

void main() {
    bool selected = (in_id.z & SELECTED) != 0u;
    if ((in_id.z & HIDDEN) != 0u || !(selected || (in_id.z & HIGHLIGHTED) != 0u)) { gl_Position = NOWHERE; return; }
    strength = selected ? 1.0 : 0.5;
    gl_Position = view_projection * vec4(to_world(in_position), 1.0);
}
