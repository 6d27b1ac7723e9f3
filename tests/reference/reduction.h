// Sums and means over chosen axes.
#pragma once

#include "reference/tensor.h"

#include <vector>

namespace lemnos::reference {

enum class ReducedAxes { drop, keep }; // keep them with size 1, or leave them out of the shape

Tensor sum(const Tensor& x, const std::vector<int64_t>& axes, ReducedAxes reduced = ReducedAxes::drop);
Tensor mean(const Tensor& x, const std::vector<int64_t>& axes, ReducedAxes reduced = ReducedAxes::drop);
Tensor sum_backward(const Tensor& x, const Tensor& dy, const std::vector<int64_t>& axes);
Tensor mean_backward(const Tensor& x, const Tensor& dy, const std::vector<int64_t>& axes);

} // namespace lemnos::reference
