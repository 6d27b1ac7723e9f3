// Convolution and its special case, the linear layer: images are NHWC, weights HWIO.
#pragma once

#include "reference/tensor.h"
#include "reference/window.h"

namespace lemnos::reference {

struct Conv2d {
    int64_t stride_y = 1, stride_x = 1;
    int64_t dilation_y = 1, dilation_x = 1;
    Padding padding = {};
    int64_t groups = 1; // output channel o reads the input channels of group o / (out / groups)
};

struct Conv2dGradients {
    Tensor x, weights, bias;
};

// x [n][y][x][in], weights [ky][kx][in / groups][out], bias [out] or empty -> [n][y][x][out].
// This is correlation, as in every framework: weight (0, 0) meets the upper left cell of the window.
Tensor conv2d(const Tensor& x, const Tensor& weights, const Tensor& bias, const Conv2d& attributes);
Conv2dGradients conv2d_backward(const Tensor& x, const Tensor& weights, const Tensor& dy,
                                const Conv2d& attributes);

struct LinearGradients {
    Tensor x, weights, bias;
};

// x [...][in], weights [in][out], bias [out] or empty -> [...][out].
Tensor linear(const Tensor& x, const Tensor& weights, const Tensor& bias);
LinearGradients linear_backward(const Tensor& x, const Tensor& weights, const Tensor& dy);

} // namespace lemnos::reference
