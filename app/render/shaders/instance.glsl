// Attributes of one instance of a mesh: rows of its matrix, its colour, what it is.
#define HIDDEN 1u
#define SELECTED 2u
#define HIGHLIGHTED 4u

in vec4 in_row0;
in vec4 in_row1;
in vec4 in_row2;
in vec4 in_instance_color;
in uvec3 in_id;  // item, instance, flags

vec3 to_world(vec3 p) {
    vec4 h = vec4(p, 1.0);
    return vec3(dot(in_row0, h), dot(in_row1, h), dot(in_row2, h));
}

float handedness() {
    return dot(cross(in_row0.xyz, in_row1.xyz), in_row2.xyz) < 0.0 ? -1.0 : 1.0;
}

// Normals go with the cofactors of the matrix, which also holds under uneven scale.
vec3 normal_to_world(vec3 n) {
    mat3 c = mat3(cross(in_row1.xyz, in_row2.xyz), cross(in_row2.xyz, in_row0.xyz), cross(in_row0.xyz, in_row1.xyz));
    return handedness() * (vec3(dot(c[0], n), dot(c[1], n), dot(c[2], n)));
}

const vec4 NOWHERE = vec4(2.0, 2.0, 2.0, 1.0);
