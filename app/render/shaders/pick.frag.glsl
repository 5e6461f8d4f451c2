#version 330 core
flat in uvec2 id;
out uvec4 pixel;
void main() { pixel = uvec4(id.x + 1u, id.y, uint(gl_PrimitiveID), floatBitsToUint(gl_FragCoord.z)); }
