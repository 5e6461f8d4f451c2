#version 430 core
// Nothing is near, nobody owns a sample.
layout(local_size_x = 256) in;
#include "splat.glsl"
uniform bool numbers;
void main() {
    uint i = gl_GlobalInvocationID.y * (gl_NumWorkGroups.x * 256u) + gl_GlobalInvocationID.x;
    if (i == 0u) large_count = 0u;
    if (i >= uint(grid.x * grid.y)) return;
    nearest[i] = 0xffffffffu;
    if (numbers) owners[i] = 0xffffffffu;
}
