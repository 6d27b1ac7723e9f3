#version 450
#extension GL_GOOGLE_include_directive : require
// The coefficients of a normalisation with given moments. One invocation a channel.
#include "batch_norm.h"
#include "linear.glsl"
#include "batch_norm.glsl"
layout(binding = 0) readonly buffer Gamma { float gamma[]; };
layout(binding = 1) readonly buffer Beta { float beta[]; };
layout(binding = 2) readonly buffer Mean { float mean[]; };
layout(binding = 3) readonly buffer Variance { float variance[]; };
layout(binding = 4) writeonly buffer Coefficients { float coefficients[]; };
#include "batch_norm_table.glsl"

void main() {
    const uint c = linear_index();
    const uint stride = (channels + 7) / 8 * 8;
    if (c < channels)
        store_coefficients(c, stride, gamma[c], beta[c], mean[c], 0, variance[c]);
    else if (c < stride)
        pad_coefficients(c, stride);
}
