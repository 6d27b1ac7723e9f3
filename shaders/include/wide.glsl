// Eight floats as one access. On lavapipe a load or store costs per lane and per component, whatever the
// component's width: a u64vec4 moves eight floats for little more than a vec4 moves four (measured on Mesa
// 25.0.7, nanoseconds per 8 floats a lane: load 3.3 as vec4, 2.4 as u64vec4; store 3.0 and 1.7). Needs
// shaderInt64.
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require

struct Eight {
    vec4 lo, hi;
};

vec4 unpack4(u64vec2 v) {
    return vec4(uintBitsToFloat(unpackUint2x32(v.x)), uintBitsToFloat(unpackUint2x32(v.y)));
}
u64vec2 pack4(vec4 v) {
    uvec4 u = floatBitsToUint(v);
    return u64vec2(packUint2x32(u.xy), packUint2x32(u.zw));
}
Eight unpack8(u64vec4 v) { return Eight(unpack4(v.xy), unpack4(v.zw)); }
u64vec4 pack8(vec4 lo, vec4 hi) { return u64vec4(pack4(lo), pack4(hi)); }
