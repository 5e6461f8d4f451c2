#version 330 core
flat in float strength;
out vec4 pixel;
void main() { pixel = vec4(strength); }
