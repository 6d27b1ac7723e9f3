// Resizing of NHWC images to [n][height][width][c].
#pragma once

#include "reference/tensor.h"

namespace lemnos::reference {

// Where the centre of an output cell lies in the input: on an axis of `in` cells resized to `out`, cell o
// lies at
enum class Coordinates {
    asymmetric,    // o in / out
    half_pixel,    // (o + 1/2) in / out - 1/2
    align_corners, // o (in - 1) / (out - 1), or 0 if out is 1
};

struct Resize {
    int64_t height, width;
    Coordinates coordinates;
};

// Nearest takes cell floor(o in / out) if asymmetric (PyTorch "nearest") and floor((o + 1/2) in / out) if
// half-pixel (PyTorch "nearest-exact"), both exact in integers; other coordinates are refused.
Tensor resize_nearest(const Tensor& x, const Resize& attributes);
Tensor resize_nearest_backward(const Tensor& x, const Tensor& dy, const Resize& attributes);

// Bilinear weighs the two cells around the centre on each axis; a centre outside is moved to the border.
// PyTorch's align_corners = false is half_pixel, true is align_corners.
Tensor resize_bilinear(const Tensor& x, const Resize& attributes);
Tensor resize_bilinear_backward(const Tensor& x, const Tensor& dy, const Resize& attributes);

} // namespace lemnos::reference
