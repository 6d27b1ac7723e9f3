// Pooling of NHWC images.
#pragma once

#include "reference/tensor.h"
#include "reference/window.h"

namespace lemnos::reference {

// The rules are PyTorch's. With `ceil_mode` a last window may hang over the padded image, unless it would
// start in the padding after the image: that window is dropped. Padding must be smaller than the kernel, so
// that every window holds a cell of the image.
struct Pooling {
    int64_t kernel_y = 1, kernel_x = 1;
    int64_t stride_y = 1, stride_x = 1;
    Padding padding = {};
    bool ceil_mode = false;
    bool count_include_pad = true; // average: divide by the cells of the padded image, else of the image
};

// Padding never wins. Of equal cells the first in row-major order wins and takes the gradient.
Tensor max_pool(const Tensor& x, const Pooling& attributes);
Tensor max_pool_backward(const Tensor& x, const Tensor& dy, const Pooling& attributes);

Tensor average_pool(const Tensor& x, const Pooling& attributes);
Tensor average_pool_backward(const Tensor& x, const Tensor& dy, const Pooling& attributes);

// [n][y][x][c] -> [n][1][1][c]
Tensor global_average_pool(const Tensor& x);
Tensor global_average_pool_backward(const Tensor& x, const Tensor& dy);

} // namespace lemnos::reference
