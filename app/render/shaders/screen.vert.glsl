#version 330 core
in vec2 in_corner;
out vec2 place;   // 0 .. 1, from the bottom left
void main() {
    place = 0.5 + 0.5 * in_corner;
    gl_Position = vec4(in_corner, 1.0, 1.0);
}
