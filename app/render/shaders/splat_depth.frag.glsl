#version 430 core
// Depths of spheres from compute shaders into a shadow map.
layout(std430, binding = 3) readonly buffer Nearest { uint nearest[]; };
uniform ivec2 grid;
uniform ivec2 corner;   // of the light's square
void main() {
    ivec2 at = ivec2(gl_FragCoord.xy) - corner;
    uint bits = nearest[at.y * grid.x + at.x];
    if (bits == 0xffffffffu) discard;
    gl_FragDepth = uintBitsToFloat(bits);
}
