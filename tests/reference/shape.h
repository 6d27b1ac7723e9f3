// Operators that move elements and compute nothing.
#pragma once

#include "reference/tensor.h"

#include <vector>

namespace lemnos::reference {

// The parts one after the other along `axis`; their other axes agree.
Tensor concat(const std::vector<Tensor>& parts, int64_t axis);
std::vector<Tensor> concat_backward(const std::vector<Tensor>& parts, const Tensor& dy, int64_t axis);

// The block of shape `size` whose first element is `begin`: one number an axis.
Tensor slice(const Tensor& x, const Shape& begin, const Shape& size);
Tensor slice_backward(const Tensor& x, const Tensor& dy, const Shape& begin);

// The same elements in row-major order under another shape.
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor reshape_backward(const Tensor& x, const Tensor& dy);

// `before` and `after` cells of `value` around x: one number an axis.
Tensor pad(const Tensor& x, const Shape& before, const Shape& after, double value);
Tensor pad_backward(const Tensor& x, const Tensor& dy, const Shape& before);

} // namespace lemnos::reference
