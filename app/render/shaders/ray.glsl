// Where the ray through this fragment meets the sphere or capsule.
#ifdef CAPSULE
flat in vec3 a;
flat in vec3 b;
#else
flat in vec3 a;
#endif
flat in float radius;
flat in vec4 color;
flat in uvec2 id;
flat in float strength;
in vec3 position;
uniform vec4 seen_from;
uniform mat4 projection_used;

bool sphere_hit(vec3 o, vec3 d, vec3 center, out float t) {
    vec3 oc = o - center;
    float along = dot(oc, d);
    // Measured from the foot of the ray, which keeps digits far from the sphere.
    vec3 foot = oc - along * d;
    float h = radius * radius - dot(foot, foot);
    if (h < 0.0) return false;
    t = -along - sqrt(h);
    return true;
}

bool ray_hit(out vec3 point, out vec3 normal) {
    vec3 d = seen_from.w > 0.5 ? normalize(position - seen_from.xyz) : -seen_from.xyz;
    vec3 o = position;
    float t = 1e30, s;
    vec3 center = a;
    bool hit = false;
#ifdef CAPSULE
    vec3 ba = b - a, oa = o - a;
    float baba = dot(ba, ba);
    if (baba > 1e-18) {
        float bard = dot(ba, d), baoa = dot(ba, oa), rdoa = dot(d, oa), oaoa = dot(oa, oa);
        float qa = baba - bard * bard, qb = baba * rdoa - baoa * bard, qc = baba * oaoa - baoa * baoa - radius * radius * baba;
        float h = qb * qb - qa * qc;
        if (h >= 0.0 && qa > 1e-20) {
            s = (-qb - sqrt(h)) / qa;
            float y = baoa + s * bard;
            if (y > 0.0 && y < baba) { t = s; center = a + ba * (y / baba); hit = true; }
        }
        if (!hit) {
            if (sphere_hit(o, d, a, s) && s < t) { t = s; center = a; hit = true; }
            if (sphere_hit(o, d, b, s) && s < t) { t = s; center = b; hit = true; }
        }
    } else
#endif
    if (sphere_hit(o, d, a, s)) { t = s; hit = true; }
    if (!hit) return false;
    point = o + t * d;
    normal = (point - center) / radius;
    vec4 clip = projection_used * vec4(point, 1.0);
    gl_FragDepth = clamp(0.5 + 0.5 * clip.z / clip.w, 0.0, 1.0);
    return true;
}
