#version 330 core
in vec2 place;
uniform vec3 top;
uniform vec3 bottom;
uniform float opacity;
out vec4 pixel;
void main() {
    // Half a step of noise hides the bands of a slow gradient.
    float noise = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715)))) - 0.5;
    pixel = vec4((mix(bottom, top, smoothstep(0.0, 1.0, place.y)) + noise / 255.0) * opacity, opacity);
}
