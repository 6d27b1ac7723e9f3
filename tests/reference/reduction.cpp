// A reduction keeps the reduced axes with size 1 until the end: there the index of x is moved to 0.
#include "reference/reduction.h"

#include <algorithm>

namespace lemnos::reference {
namespace {

bool contains(const std::vector<int64_t>& axes, size_t axis) {
    return std::find(axes.begin(), axes.end(), static_cast<int64_t>(axis)) != axes.end();
}

// The shape with size 1 on every reduced axis.
Shape kept_shape(const Tensor& x, const std::vector<int64_t>& axes) {
    Shape shape = x.shape;
    for (int64_t axis : axes) shape.at(static_cast<size_t>(axis)) = 1;
    return shape;
}

// The offset in the result of the element that x[i] is added to.
int64_t reduced_offset(const Tensor& x, int64_t i, const Shape& kept) {
    Shape index = index_of(i, x.shape);
    for (size_t axis = 0; axis < index.size(); ++axis) index[axis] = std::min(index[axis], kept[axis] - 1);
    return offset_of(index, kept);
}

double reduced_count(const Tensor& x, const std::vector<int64_t>& axes) {
    return static_cast<double>(x.size() / element_count(kept_shape(x, axes)));
}

} // namespace

Tensor sum(const Tensor& x, const std::vector<int64_t>& axes, ReducedAxes reduced) {
    const Shape kept = kept_shape(x, axes);
    Tensor y(kept);
    for (int64_t i = 0; i < x.size(); ++i) y[reduced_offset(x, i, kept)] += x[i];
    if (reduced == ReducedAxes::keep) return y;
    y.shape.clear();
    for (size_t axis = 0; axis < kept.size(); ++axis)
        if (!contains(axes, axis)) y.shape.push_back(kept[axis]);
    return y;
}

Tensor mean(const Tensor& x, const std::vector<int64_t>& axes, ReducedAxes reduced) {
    Tensor y = sum(x, axes, reduced);
    for (double& value : y.data) value /= reduced_count(x, axes);
    return y;
}

Tensor sum_backward(const Tensor& x, const Tensor& dy, const std::vector<int64_t>& axes) {
    const Shape kept = kept_shape(x, axes);
    require(dy.size() == element_count(kept), "The gradient ", shape_text(dy.shape),
            " does not fit the result ", shape_text(kept), ".");
    Tensor dx(x.shape);
    for (int64_t i = 0; i < x.size(); ++i) dx[i] = dy[reduced_offset(x, i, kept)];
    return dx;
}

Tensor mean_backward(const Tensor& x, const Tensor& dy, const std::vector<int64_t>& axes) {
    Tensor dx = sum_backward(x, dy, axes);
    for (double& value : dx.data) value /= reduced_count(x, axes);
    return dx;
}

} // namespace lemnos::reference
