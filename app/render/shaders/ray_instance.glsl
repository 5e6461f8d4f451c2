// One sphere or capsule of many: its attributes, and what the fragment shader needs to cast rays at it.
#define HIDDEN 1u
in vec3 in_start;
in float in_radius;
in vec4 in_instance_color;
in uvec3 in_id;                 // item, instance, flags
uniform mat4 model;
uniform mat4 projection_used;   // of this pass: view, light or pick
uniform uint needed;            // flags that must be set, for the outline
flat out vec3 a;
flat out float radius;
flat out vec4 color;
flat out uvec2 id;
flat out float strength;
out vec3 position;

// Hands the instance on; false, with a place that is never seen, if this pass does not show it.
bool take_instance() {
    strength = (in_id.z & 2u) != 0u ? 1.0 : 0.5;
    if ((in_id.z & HIDDEN) != 0u || (needed != 0u && (in_id.z & needed) == 0u)) {
        gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
        return false;
    }
    a = (model * vec4(in_start, 1.0)).xyz;
    radius = in_radius;
    color = in_instance_color;
    id = in_id.xy;
    return true;
}

// A right-handed frame whose third axis is the unit vector z.
mat3 frame_along(vec3 z) {
    vec3 x = normalize(cross(abs(z.x) < 0.7 ? vec3(1.0, 0.0, 0.0) : vec3(0.0, 1.0, 0.0), z));
    return mat3(x, cross(z, x), z);
}
