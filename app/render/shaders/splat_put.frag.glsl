#version 430 core
// Spheres from compute shaders into the picture, sample by sample.
in vec2 place;
uniform sampler2D splat_colors;
uniform sampler2D splat_places;
out vec4 pixel;
void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    vec2 found = texelFetch(splat_places, at, 0).rg;
    int mask = int(found.g + 0.5);
    if (mask == 0) discard;
#ifdef MANY_SAMPLES
    gl_SampleMask[0] = mask | (mask << 4);
#endif
    gl_FragDepth = found.r;
    pixel = texelFetch(splat_colors, at, 0);
}
