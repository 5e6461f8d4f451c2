// Light of the image around the scene (dome.py).
#ifdef DOME
uniform sampler2D dome_image;   // top row first: its first row is the pole

// What comes from a direction. Levels are named: derivatives jump where longitudes meet.
vec3 dome_seen(vec3 towards, float level) {
    vec3 d = normalize(vec3(dot(dome_turn[0].xyz, towards), dot(dome_turn[1].xyz, towards), dot(dome_turn[2].xyz, towards)));
    vec2 place = vec2(0.5 - 0.15915494 * atan(d.x, d.z), 0.5 - 0.31830989 * asin(clamp(d.y, -1.0, 1.0)));
    return textureLod(dome_image, place, level).rgb * dome_color.rgb;
}

// What a white surface that faces n gives back.
vec3 dome_diffuse(vec3 n) {
    return max(
        dome_light[0].rgb + dome_light[1].rgb * n.x + dome_light[2].rgb * n.y + dome_light[3].rgb * n.z +
        dome_light[4].rgb * (n.x * n.x) + dome_light[5].rgb * (n.y * n.y) +
        dome_light[6].rgb * (n.x * n.y) + dome_light[7].rgb * (n.y * n.z) + dome_light[8].rgb * (n.z * n.x), 0.0);
}

// Mirrored light, blurred as far as roughness spreads it: a quarter of the image at most, then as diffuse light.
vec3 dome_mirrored(vec3 towards, float gloss) {
    float level = max(log2(0.25 * gloss * float(textureSize(dome_image, 0).x)), 0.0);
    return mix(dome_seen(towards, level), dome_diffuse(towards), gloss * gloss);
}
#endif
