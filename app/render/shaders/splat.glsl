// Spheres drawn by compute shaders: graphics units of large GPUs are few, and a sphere of some pixels is mostly overhead to them.
// A sample grid holds the nearest depth, then whose it is, then what it looks like (`splat_shade`).
#define HIDDEN 1u
layout(std430, binding = 0) readonly buffer Places { float places[]; };
layout(std430, binding = 1) readonly buffer Radii { float radii[]; };
layout(std430, binding = 2) readonly buffer Statics { uint statics[]; };  // colour (4 halves), item, instance, flags
layout(std430, binding = 3) buffer Nearest { uint nearest[]; };           // bits of the window depth
layout(std430, binding = 4) buffer Owners { uint owners[]; };
layout(std430, binding = 5) buffer Large { uint large_count; uint large[]; };
uniform mat4 to_eye;       // from the space of the places
uniform vec4 lens;         // half width and height (tangents, or metres when orthographic), near, far
uniform bool orthographic;
uniform ivec2 grid;        // samples across and high

struct Sphere {
    vec3 center;  // eye space
    float radius;
};

Sphere sphere_at(uint i) {
    vec3 place = vec3(places[3u * i], places[3u * i + 1u], places[3u * i + 2u]);
    return Sphere((to_eye * vec4(place, 1.0)).xyz, radii[i]);
}

// The ray through the middle of a sample: where it starts, and a unit direction.
void ray_of(ivec2 at, out vec3 start, out vec3 direction) {
    vec2 p = ((vec2(at) + 0.5) / vec2(grid) * 2.0 - 1.0) * lens.xy;
    start = orthographic ? vec3(p, 0.0) : vec3(0.0);
    direction = orthographic ? vec3(0.0, 0.0, -1.0) : normalize(vec3(p, -1.0));
}

// Where a ray meets the sphere, in eye space; its foremost point where it passes beside.
bool meets(Sphere s, vec3 start, vec3 direction, out vec3 point) {
    vec3 oc = start - s.center;
    float along = dot(oc, direction);
    vec3 foot = oc - along * direction;
    float h = s.radius * s.radius - dot(foot, foot);
    if (h < 0.0) {
        point = s.center - (orthographic ? direction : normalize(s.center)) * s.radius;
        return false;
    }
    point = start + direction * (-along - sqrt(h));
    return true;
}

float window_depth(float z) {
    float near = lens.z, far = lens.w;
    return orthographic ? (-z - near) / (far - near) : (far - far * near / max(-z, 1e-12)) / (far - near);
}
