#version 330 core
// Edges smoothed after the fact where there are no samples to average, or a plain copy.
in vec2 place;
uniform sampler2D picture;
uniform int smooth_edges;
out vec4 pixel;

float luma(vec4 c) { return dot(c.rgb, vec3(0.299, 0.587, 0.114)); }

void main() {
    vec4 center = texture(picture, place);
    pixel = center;
    if (smooth_edges == 0) return;
    vec2 t = 1.0 / vec2(textureSize(picture, 0));
    float m = luma(center);
    float nw = luma(texture(picture, place - t)), ne = luma(texture(picture, place + vec2(t.x, -t.y)));
    float sw = luma(texture(picture, place + vec2(-t.x, t.y))), se = luma(texture(picture, place + t));
    float low = min(m, min(min(nw, ne), min(sw, se))), high = max(m, max(max(nw, ne), max(sw, se)));
    if (high - low < max(0.03, high * 0.1)) return;
    // Blur along the edge: across the gradient of the four corners.
    vec2 along = vec2(-((nw + ne) - (sw + se)), (nw + sw) - (ne + se));
    along /= max(min(abs(along.x), abs(along.y)), (nw + ne + sw + se) * 0.03125 + 0.0078);
    along = clamp(along, -8.0, 8.0) * t;
    vec4 near = 0.5 * (texture(picture, place - along / 6.0) + texture(picture, place + along / 6.0));
    vec4 wide = 0.5 * near + 0.25 * (texture(picture, place - 0.5 * along) + texture(picture, place + 0.5 * along));
    float lw = luma(wide);
    pixel = lw < low || lw > high ? near : wide;
}
