// From light to the screen's numbers. The curve leaves colours below 0.8 nearly as they are (so that a display colour
// looks like itself) and rolls highlights off towards white: the "PBR Neutral" curve of the Khronos Group.
vec3 roll_off(vec3 color) {
    const float start = 0.8 - 0.04, desaturation = 0.15;
    float x = min(color.r, min(color.g, color.b));
    color -= x < 0.08 ? x - 6.25 * x * x : 0.04;
    float peak = max(color.r, max(color.g, color.b));
    if (peak < start) return color;
    float d = 1.0 - start;
    float lowered = 1.0 - d * d / (peak + d - start);
    color *= lowered / peak;
    float g = 1.0 - 1.0 / (desaturation * (peak - lowered) + 1.0);
    return mix(color, vec3(lowered), g);
}

// sRGB encoding within 0.002 from square roots, which processors have: a power costs three times as much there.
vec3 srgb_encoded(vec3 c) {
    c = clamp(c, 0.0, 1.0);
    vec3 s1 = sqrt(c), s2 = sqrt(s1), s3 = sqrt(s2);
    return clamp(0.662002687 * s1 + 0.684122060 * s2 - 0.323583601 * s3 - 0.0225411470 * c, 0.0, 1.0);
}

vec3 srgb_decoded(vec3 c) {
    return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), step(vec3(0.04045), c));
}

vec3 shown(vec3 light) {
    return srgb_encoded(roll_off(light * sky.w));
}
