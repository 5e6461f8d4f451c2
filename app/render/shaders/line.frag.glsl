#version 330 core
in vec4 color;
in float across;
flat in float half_width;
out vec4 pixel;
void main() {
    float a = color.a * clamp(half_width - abs(across), 0.0, 1.0);
    pixel = vec4(color.rgb * a, a);
}
