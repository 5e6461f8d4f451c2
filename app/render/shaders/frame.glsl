// What every pass of one picture shares; filled by frame_block.py.
#define MAX_LIGHTS 8
#define MAX_SHADOWS 3

layout(std140) uniform Frame {
    mat4 view_projection;
    mat4 view;
    mat4 shadow_matrix[MAX_SHADOWS];  // world to the part of the shadow map for a light, 0 .. 1
    vec4 eye;                // xyz, w = 1 for perspective, 0 for orthographic
    vec4 back;               // towards the viewer, w = near distance
    vec4 viewport;           // width, height, 1 / width, 1 / height
    vec4 up;                 // up axis, w = height of the ground
    vec4 sky;                // ambient light from above, w = exposure
    vec4 earth;              // ambient light from below
    vec4 shadow[MAX_SHADOWS];  // share of the ground's light, texel [m], unused, softness in texels
    vec4 scene;              // centre of what is looked at, w = its radius
    vec4 light_place[MAX_LIGHTS];   // position and 1, or direction towards the light and 0
    vec4 light_color[MAX_LIGHTS];   // irradiance (times distance squared for those with a position), w = radius
    vec4 light_axis[MAX_LIGHTS];    // where a light faces, w = 1 if it is one-sided
    vec4 light_cone[MAX_LIGHTS];    // cosine of the half angle of its cone, how fast it fades there
    vec4 dome_turn[3];       // rows: directions of the world in the axes of the image around it
    vec4 dome_color;         // factor on that image
    vec4 dome_light[9];      // what white surfaces give back of it: factors of 1, x, y, z, xx, yy, xy, yz, zx of the normal
};

vec3 towards_viewer(vec3 world) {
    return eye.w > 0.5 ? normalize(eye.xyz - world) : back.xyz;
}
