#version 450
#extension GL_GOOGLE_include_directive : require
// A normalisation with given moments, folded into the convolution before it, or a block of rows and channels of that. One
// invocation a channel and `rows_a_lane` rows of the result.
#include "fold_batch_norm.h"
#include "linear.glsl"
layout(constant_id = 1) const bool BIASED = false; // the convolution has a bias
layout(binding = 0) readonly buffer Filter { float filter_in[]; };
layout(binding = 1) readonly buffer Gamma { float gamma[]; };
layout(binding = 2) readonly buffer Beta { float beta[]; };
layout(binding = 3) readonly buffer Mean { float mean[]; };
layout(binding = 4) readonly buffer Variance { float variance[]; };
layout(binding = 5) readonly buffer Bias { float bias[]; };
layout(binding = 6) writeonly buffer FoldedFilter { float folded_filter[]; };
layout(binding = 7) writeonly buffer FoldedBias { float folded_bias[]; };

void main() {
    const uint i = linear_index(), block = i / channels, c = i - block * channels;
    const uint first = block * rows_a_lane;
    if (first >= rows) return;
    const uint from = first_channel + c;
    const float scale = gamma[from] / sqrt(variance[from] + epsilon);
    const uint end = min(first + rows_a_lane, rows);
    for (uint row = first; row < end; ++row)
        folded_filter[row * channels + c] = filter_in[(first_row + row) * filter_channels + from] * scale;
    // The difference first, as batch_norm takes it: rounded products would not cancel.
    if (block == 0) folded_bias[c] = ((BIASED ? bias[from] : 0) - mean[from]) * scale + beta[from];
}
