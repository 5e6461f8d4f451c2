#version 330 core
#include "frame.glsl"
#include "instance.glsl"
in vec3 in_position;
uniform mat4 zoom;  // puts the pixel that is asked for all over the small picture
flat out uvec2 id;

void main() {
    if ((in_id.z & HIDDEN) != 0u) { gl_Position = NOWHERE; return; }
    id = in_id.xy;
    gl_Position = zoom * view_projection * vec4(to_world(in_position), 1.0);
}
