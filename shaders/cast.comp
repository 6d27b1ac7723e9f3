#version 450
#extension GL_GOOGLE_include_directive : require
// y = x as another type, four elements an invocation. Bytes lie four to a word, the first lowest.
#include "cast.h"
#include "linear.glsl"
const uint F32 = 1, I32 = 16, U8 = 32; // DataType
layout(constant_id = 1) const uint FROM = F32;
layout(constant_id = 2) const uint TO = F32;
layout(binding = 0) readonly buffer XF { vec4 x_f32[]; };
layout(binding = 0) readonly buffer XI { ivec4 x_i32[]; };
layout(binding = 0) readonly buffer XU { uint x_u8[]; };
layout(binding = 1) writeonly buffer YF4 { vec4 y4_f32[]; };
layout(binding = 1) writeonly buffer YF { float y_f32[]; };
layout(binding = 1) writeonly buffer YI4 { ivec4 y4_i32[]; };
layout(binding = 1) writeonly buffer YI { int y_i32[]; };
layout(binding = 1) buffer YU { uint y_u8[]; };

// Towards zero, into [least, least number above the range); NaN to 0. isnan() may be compiled away, bits may
// not.
int truncated(float x, float least, float above, int largest) {
    if ((floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u) return 0;
    return x >= above ? largest : int(max(x, least));
}

ivec4 truncated(vec4 x, float least, float above, int largest) {
    return ivec4(truncated(x.x, least, above, largest), truncated(x.y, least, above, largest),
                 truncated(x.z, least, above, largest), truncated(x.w, least, above, largest));
}

ivec4 read_integers(uint i) {
    if (FROM == U8) return ivec4(uvec4(x_u8[i]) >> uvec4(0, 8, 16, 24) & 255u);
    if (FROM == I32) return x_i32[i];
    if (TO == U8) return truncated(x_f32[i], 0.0, 255.0, 255);
    return truncated(x_f32[i], -2147483648.0, 2147483648.0, 0x7fffffff);
}

void main() {
    const uint i = linear_index(), first = 4 * i;
    if (first >= count) return;
    const uint length = min(count - first, 4);
    if (TO == F32) {
        const vec4 result = FROM == F32 ? x_f32[i] : vec4(read_integers(i));
        if (length == 4)
            y4_f32[i] = result;
        else
            for (uint c = 0; c < length; ++c) y_f32[first + c] = result[c];
    } else if (TO == I32) {
        const ivec4 result = read_integers(i);
        if (length == 4)
            y4_i32[i] = result;
        else
            for (uint c = 0; c < length; ++c) y_i32[first + c] = result[c];
    } else {
        const uvec4 bytes = uvec4(clamp(read_integers(i), 0, 255));
        const uint word = bytes.x | bytes.y << 8 | bytes.z << 16 | bytes.w << 24;
        // The bytes behind the last element keep what they hold.
        const uint written = length == 4 ? 0xffffffffu : (1u << 8 * length) - 1;
        y_u8[i] = length == 4 ? word : (y_u8[i] & ~written) | (word & written);
    }
}
