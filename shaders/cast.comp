#version 450
#extension GL_GOOGLE_include_directive : require
// y = x as another type, four elements an invocation. Bytes lie four to a word, numbers of 16 bits two, the first lowest.
#include "cast.h"
#include "linear.glsl"
const uint F32 = 1, F16 = 2, I32 = 16, U8 = 32; // DataType
layout(constant_id = 1) const uint FROM = F32;
layout(constant_id = 2) const uint TO = F32;
layout(binding = 0) readonly buffer XF { vec4 x_f32[]; };
layout(binding = 0) readonly buffer XH { uvec2 x_f16[]; };
layout(binding = 0) readonly buffer XI { ivec4 x_i32[]; };
layout(binding = 0) readonly buffer XU { uint x_u8[]; };
layout(binding = 1) writeonly buffer YF4 { vec4 y4_f32[]; };
layout(binding = 1) writeonly buffer YF { float y_f32[]; };
layout(binding = 1) writeonly buffer YH4 { uvec2 y4_f16[]; };
layout(binding = 1) buffer YH { uint y_f16[]; };
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

vec4 read_reals(uint i) {
    return FROM == F16 ? vec4(unpackHalf2x16(x_f16[i].x), unpackHalf2x16(x_f16[i].y)) : x_f32[i];
}

ivec4 read_integers(uint i) {
    if (FROM == U8) return ivec4(uvec4(x_u8[i]) >> uvec4(0, 8, 16, 24) & 255u);
    if (FROM == I32) return x_i32[i];
    if (TO == U8) return truncated(read_reals(i), 0.0, 255.0, 255);
    return truncated(read_reals(i), -2147483648.0, 2147483648.0, 0x7fffffff);
}

void main() {
    const uint i = linear_index(), first = 4 * i;
    if (first >= count) return;
    const uint length = min(count - first, 4);
    if (TO == F16) {
        const vec4 result = FROM == F32 || FROM == F16 ? read_reals(i) : vec4(read_integers(i));
        const uvec2 words = FROM == F16 ? x_f16[i] : uvec2(packHalf2x16(result.xy), packHalf2x16(result.zw));
        if (length == 4) {
            y4_f16[i] = words;
        } else {
            // The half behind the last element keeps what it holds.
            for (uint word = 0; word < length / 2; ++word) y_f16[2 * i + word] = words[word];
            const uint last = 2 * i + length / 2;
            if (length % 2 == 1) y_f16[last] = (y_f16[last] & 0xffff0000u) | (words[length / 2] & 0xffffu);
        }
    } else if (TO == F32) {
        const vec4 result = FROM == F32 || FROM == F16 ? read_reals(i) : vec4(read_integers(i));
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
