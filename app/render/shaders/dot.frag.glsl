#version 330 core
in vec4 color;
in vec2 off;
flat in float half_width;
out vec4 pixel;
void main() {
    float a = color.a * clamp(half_width - length(off), 0.0, 1.0);
    if (a <= 0.0) discard;
    pixel = vec4(color.rgb * a, a);
}
