#version 330 core
// Edges smoothed after the fact where there are no samples to average, or a plain copy.
in vec2 place;
uniform sampler2D picture;
uniform ivec2 corner;   // of the picture in the framebuffer
out vec4 pixel;

float luma(vec4 c) { return dot(c.rgb, vec3(0.299, 0.587, 0.114)); }

void main() {
    vec4 center = texelFetch(picture, ivec2(gl_FragCoord.xy) - corner, 0);
    pixel = center;
#ifdef SMOOTH_EDGES
    // After the idea of FXAA: where neighbours differ, blur along the edge that their brightness tells.
    ivec2 at = ivec2(gl_FragCoord.xy), last = textureSize(picture, 0) - 1;
    float m = luma(center);
    float nw = luma(texelFetch(picture, clamp(at + ivec2(-1, -1), ivec2(0), last), 0));
    float ne = luma(texelFetch(picture, clamp(at + ivec2(1, -1), ivec2(0), last), 0));
    float sw = luma(texelFetch(picture, clamp(at + ivec2(-1, 1), ivec2(0), last), 0));
    float se = luma(texelFetch(picture, clamp(at + ivec2(1, 1), ivec2(0), last), 0));
    float low = min(m, min(min(nw, ne), min(sw, se))), high = max(m, max(max(nw, ne), max(sw, se)));
    vec2 along = vec2(-((nw + ne) - (sw + se)), (nw + sw) - (ne + se));
    along /= max(min(abs(along.x), abs(along.y)), (nw + ne + sw + se) * 0.03125 + 0.0078);
    along = clamp(along, -4.0, 4.0) / vec2(last + 1);
    vec4 blurred = 0.5 * (texture(picture, place - 0.25 * along) + texture(picture, place + 0.25 * along));
    if (high - low > max(0.03, high * 0.1)) pixel = blurred;
#endif
}
