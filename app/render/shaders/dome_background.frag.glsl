#version 330 core
// The picture on the dome, where nothing opaque is.
#include "frame.glsl"
#include "tone.glsl"
#include "dome.glsl"
in vec3 start;
in vec3 ray;
uniform float level;
out vec4 pixel;
void main() {
    pixel = vec4(shown(dome_seen(ray, level)), 1.0);
}
