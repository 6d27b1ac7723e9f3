#version 450
#extension GL_GOOGLE_include_directive : require
// dp = dloss * factor * weight * (prediction - target), four elements an invocation; 0 in examples of
// weight 0.
#include "linear.glsl"
#include "squared_error_gradient.h"
layout(constant_id = 1) const bool WEIGHTS = false;
layout(binding = 0) readonly buffer P { vec4 p[]; };
layout(binding = 1) readonly buffer T { vec4 t[]; };
layout(binding = 2) readonly buffer Weights { float weight[]; };
layout(binding = 3) readonly buffer DLoss { float dloss[]; };
layout(binding = 4) writeonly buffer DP4 { vec4 dp4[]; };
layout(binding = 4) writeonly buffer DP { float dp[]; };

void main() {
    const uint i = linear_index(), first = 4 * i;
    if (first >= count) return;
    vec4 result = dloss[0] * factor * (p[i] - t[i]);
    if (WEIGHTS)
        for (uint c = 0; c < 4; ++c) {
            const float w = weight[weight_first + (phase + min(first + c, count - 1)) / length];
            result[c] = w == 0 ? 0.0 : w * result[c];
        }
    if (first + 4 <= count)
        dp4[i] = result;
    else
        for (uint c = 0; first + c < count; ++c) dp[first + c] = result[c];
}
