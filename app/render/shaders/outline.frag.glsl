#version 330 core
in vec2 place;
uniform sampler2D mask;
uniform vec3 ink;
uniform float width;
out vec4 pixel;
void main() {
    vec2 texel = 1.0 / vec2(textureSize(mask, 0));
    float inside = texture(mask, place).r, most = 0.0;
    for (int i = 0; i < 12; ++i) {
        float a = float(i) * 0.5235988;
        most = max(most, texture(mask, place + vec2(cos(a), sin(a)) * width * texel).r);
        most = max(most, texture(mask, place + vec2(cos(a), sin(a)) * 0.5 * width * texel).r);
    }
    float edge = clamp(most - inside, 0.0, 1.0);
    float a = max(edge, inside * 0.10);
    if (a <= 0.0) discard;
    pixel = vec4(ink * a, a);
}
