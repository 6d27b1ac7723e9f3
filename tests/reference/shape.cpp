// Everything is a copy of a block between a small tensor and a place in a large one: slice and the gradient
// of pad take a block out, pad and the gradient of slice put one in; concat puts its parts in side by side.
#include "reference/shape.h"

namespace lemnos::reference {
namespace {

// Calls visit(i, j) for every element i of a block of shape `block`, where j is its offset in a tensor of
// shape `whole` that holds the block at `begin`.
template <typename Visit>
void for_each_element(const Shape& block, const Shape& whole, const Shape& begin, Visit visit) {
    require(block.size() == whole.size() && begin.size() == whole.size(), "A block ", shape_text(block),
            " at ", shape_text(begin), " does not fit the tensor ", shape_text(whole), ".");
    for (int64_t i = 0; i < element_count(block); ++i) {
        Shape index = index_of(i, block);
        for (size_t axis = 0; axis < index.size(); ++axis) index[axis] += begin[axis];
        visit(i, offset_of(index, whole));
    }
}

void put(Tensor& whole, const Tensor& block, const Shape& begin) {
    for_each_element(block.shape, whole.shape, begin, [&](int64_t i, int64_t j) { whole[j] = block[i]; });
}

Tensor take(const Tensor& whole, const Shape& begin, const Shape& size) {
    Tensor block(size);
    for_each_element(size, whole.shape, begin, [&](int64_t i, int64_t j) { block[i] = whole[j]; });
    return block;
}

} // namespace

Tensor concat(const std::vector<Tensor>& parts, int64_t axis) {
    require(!parts.empty() && axis >= 0 && axis < static_cast<int64_t>(parts[0].shape.size()),
            "Nothing can be concatenated along axis ", axis, " of ", parts.size(), " tensors.");
    const auto along = static_cast<size_t>(axis);
    Shape shape = parts[0].shape;
    shape[along] = 0;
    for (const Tensor& part : parts) {
        Shape other = part.shape;
        other.at(along) = parts[0].shape[along];
        require(other == parts[0].shape, "The shapes ", shape_text(parts[0].shape), " and ",
                shape_text(part.shape), " cannot be concatenated along axis ", axis, ".");
        shape[along] += part.shape[along];
    }
    Tensor y(shape);
    Shape begin(shape.size());
    for (const Tensor& part : parts) {
        put(y, part, begin);
        begin[along] += part.shape[along];
    }
    return y;
}

std::vector<Tensor> concat_backward(const std::vector<Tensor>& parts, const Tensor& dy, int64_t axis) {
    std::vector<Tensor> gradients;
    Shape begin(dy.shape.size());
    for (const Tensor& part : parts) {
        gradients.push_back(take(dy, begin, part.shape));
        begin.at(static_cast<size_t>(axis)) += extent(part, axis);
    }
    return gradients;
}

Tensor slice(const Tensor& x, const Shape& begin, const Shape& size) { return take(x, begin, size); }

Tensor slice_backward(const Tensor& x, const Tensor& dy, const Shape& begin) {
    Tensor dx(x.shape);
    put(dx, dy, begin);
    return dx;
}

Tensor reshape(const Tensor& x, const Shape& shape) { return Tensor(shape, x.data); }

Tensor reshape_backward(const Tensor& x, const Tensor& dy) { return Tensor(x.shape, dy.data); }

Tensor pad(const Tensor& x, const Shape& before, const Shape& after, double value) {
    Shape shape = x.shape;
    for (size_t axis = 0; axis < shape.size(); ++axis) shape[axis] += before.at(axis) + after.at(axis);
    Tensor y(shape, value);
    put(y, x, before);
    return y;
}

Tensor pad_backward(const Tensor& x, const Tensor& dy, const Shape& before) {
    return take(dy, before, x.shape);
}

} // namespace lemnos::reference
