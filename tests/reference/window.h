// Windows that slide over an image: the padding and the output size that convolution and pooling share.
#pragma once

#include "reference/tensor.h"

#include <algorithm>

namespace lemnos::reference {

struct Padding {
    int64_t top = 0, bottom = 0, left = 0, right = 0;
};

// The number of windows of `kernel` cells, `dilation` apart, that fit the padded axis every `stride` cells.
inline int64_t window_count(int64_t input, int64_t kernel, int64_t stride, int64_t dilation, int64_t before,
                            int64_t after) {
    const int64_t room = input + before + after - ((kernel - 1) * dilation + 1);
    require(room >= 0, "A window of ", kernel, " cells with dilation ", dilation, " does not fit ", input,
            " + ", before, " + ", after, " cells.");
    return room / stride + 1;
}

// TensorFlow's SAME on one axis, as {before, after}: the output has ceil(input / stride) cells and an odd
// cell of padding goes after.
inline std::pair<int64_t, int64_t> same_padding(int64_t input, int64_t kernel, int64_t stride,
                                                int64_t dilation) {
    const int64_t output = (input + stride - 1) / stride;
    const int64_t total = std::max<int64_t>((output - 1) * stride + (kernel - 1) * dilation + 1 - input, 0);
    return {total / 2, total - total / 2};
}

} // namespace lemnos::reference
