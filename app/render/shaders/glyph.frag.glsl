#version 330 core
in vec2 uv;
in vec4 color;
uniform sampler2D atlas;
out vec4 pixel;
void main() {
    float a = color.a * texture(atlas, uv).r;
    pixel = vec4(color.rgb * a, a);
}
