#version 430 core
// One thread a sphere (or, for large ones, a row of groups a sphere): into the samples it covers goes its depth, or in a second
// pass its number where its depth stayed the nearest. One program does both, so that both compute the same bits.
layout(local_size_x = 64) in;
#include "splat.glsl"
uniform uint count;
uniform bool number;     // second pass
uniform bool are_large;  // those that one thread would take too long for

const int MOST = 256;    // samples that one thread looks at

// Samples along one axis that a sphere may cover: first and last; its outline is a cone's, not a cylinder's.
ivec2 span(float across, float depth, float radius, float half_extent, int samples) {
    float low = across - radius, high = across + radius;
    if (!orthographic) {
        float t2 = across * across + depth * depth - radius * radius;
        if (t2 <= 0.0) return ivec2(0, samples - 1);
        float t = across / depth, p = radius * inversesqrt(t2);
        low = 1.0 + t * p > 1e-6 ? (t - p) / (1.0 + t * p) : -1e9;
        high = 1.0 - t * p > 1e-6 ? (t + p) / (1.0 - t * p) : 1e9;
    }
    vec2 place = clamp((vec2(low, high) / half_extent * 0.5 + 0.5) * float(samples), -8.0, float(samples) + 8.0);
    ivec2 found = ivec2(ceil(place.x - 0.5), floor(place.y - 0.5));
    // A sphere between samples still shows in one.
    if (found.x > found.y) found = ivec2(floor(0.5 * (place.x + place.y)));
    return found;
}

bool box_of(uint i, out Sphere s, out ivec2 low, out ivec2 high) {
    low = ivec2(0);
    high = grid - 1;
    s = sphere_at(i);
    float depth = -s.center.z;
    bool some = (statics[5u * i + 4u] & HIDDEN) == 0u && depth + s.radius > lens.z && depth - s.radius < lens.w;
    if (!some || s.radius <= 0.0 || isnan(depth)) return false;
    if (depth - s.radius > lens.z) {
        ivec2 x = span(s.center.x, depth, s.radius, lens.x, grid.x), y = span(s.center.y, depth, s.radius, lens.y, grid.y);
        low = max(low, ivec2(x.x, y.x));
        high = min(high, ivec2(x.y, y.y));
    }
    return low.x <= high.x && low.y <= high.y;
}

void put(uint i, Sphere s, ivec2 at, bool only) {
    vec3 start, direction, point;
    ray_of(at, start, direction);
    if (!meets(s, start, direction, point) && !only) return;
    if (-point.z < lens.z || -point.z > lens.w) return;
    uint bits = floatBitsToUint(clamp(window_depth(point.z), 0.0, 1.0));
    int place = at.y * grid.x + at.x;
    if (number) {
        if (nearest[place] == bits) atomicMin(owners[place], i);
    } else if (nearest[place] > bits) {
        atomicMin(nearest[place], bits);
    }
}

void main() {
    Sphere s;
    ivec2 low, high;
    if (!are_large) {
        uint i = gl_GlobalInvocationID.y * (gl_NumWorkGroups.x * 64u) + gl_GlobalInvocationID.x;
        if (i >= count || !box_of(i, s, low, high)) return;
        ivec2 size = high - low + 1;
        if (size.x * size.y > MOST) {
            if (!number) large[atomicAdd(large_count, 1u)] = i;
            return;
        }
        for (int y = low.y; y <= high.y; ++y)
            for (int x = low.x; x <= high.x; ++x) put(i, s, ivec2(x, y), low == high);
        return;
    }
    for (uint k = gl_WorkGroupID.x; k < large_count; k += gl_NumWorkGroups.x) {
        uint i = large[k];
        if (!box_of(i, s, low, high)) continue;
        ivec2 size = high - low + 1;
        int step = 64 * int(gl_NumWorkGroups.y);
        for (int n = int(gl_WorkGroupID.y * 64u + gl_LocalInvocationID.x); n < size.x * size.y; n += step)
            put(i, s, low + ivec2(n % size.x, n / size.x), false);
    }
}
