// The tensor of the references: a shape and doubles in row-major order (the last axis is contiguous), nothing
// else. A reference is read, not profiled: kernels are held against it, so it is plain loops over this type.
#pragma once

#include "support/error.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace lemnos::reference {

using Shape = std::vector<int64_t>;

inline int64_t element_count(const Shape& shape) {
    int64_t count = 1;
    for (int64_t size : shape) count *= size;
    return count;
}

template <typename Numbers>
std::string shape_text(const Numbers& numbers) {
    std::string result;
    for (int64_t number : numbers) result += text(result.empty() ? "" : " ", number);
    return "[" + result + "]";
}

// The position in row-major order of an index with one number an axis.
template <typename Index>
int64_t offset_of(const Index& index, const Shape& shape) {
    int64_t offset = 0;
    size_t axis = 0;
    bool inside = index.size() == shape.size();
    for (auto i = index.begin(); inside && i != index.end(); ++i, ++axis) {
        inside = *i >= 0 && *i < shape[axis];
        offset = offset * shape[axis] + *i;
    }
    if (!inside) // not require(), which would make up the sentence every time
        fail(ErrorCode::invalid_argument, "The index ", shape_text(index), " lies outside the shape ",
             shape_text(shape), ".");
    return offset;
}

// The inverse of offset_of.
inline Shape index_of(int64_t offset, const Shape& shape) {
    Shape index(shape.size());
    for (size_t axis = shape.size(); axis-- > 0; offset /= shape[axis]) index[axis] = offset % shape[axis];
    return index;
}

struct Tensor {
    Shape shape;              // {} is a scalar, which has one element
    std::vector<double> data; // no element at all: an optional input or a gradient that is absent

    Tensor() = default;
    explicit Tensor(Shape of, double value = 0)
        : shape(std::move(of)), data(static_cast<size_t>(element_count(shape)), value) {}
    Tensor(Shape of, std::vector<double> values) : shape(std::move(of)), data(std::move(values)) {
        require(size() == element_count(shape), "The shape ", shape_text(shape), " does not hold ", size(),
                " values.");
    }

    bool empty() const { return data.empty(); }
    int64_t size() const { return static_cast<int64_t>(data.size()); }
    double& operator[](int64_t offset) { return data[static_cast<size_t>(offset)]; }
    double operator[](int64_t offset) const { return data[static_cast<size_t>(offset)]; }

    // x(n, y, x, c): one number an axis.
    template <typename... Numbers>
    double& operator()(Numbers... index) {
        return (*this)[offset_of(std::initializer_list<int64_t>{index...}, shape)];
    }
    template <typename... Numbers>
    double operator()(Numbers... index) const {
        return (*this)[offset_of(std::initializer_list<int64_t>{index...}, shape)];
    }
};

// The size of one axis, counted from the end when negative.
inline int64_t extent(const Tensor& x, int64_t axis) {
    const auto rank = static_cast<int64_t>(x.shape.size());
    if (axis < -rank || axis >= rank) // as in offset_of
        fail(ErrorCode::invalid_argument, "The tensor ", shape_text(x.shape), " has no axis ", axis, ".");
    return x.shape[static_cast<size_t>(axis < 0 ? axis + rank : axis)];
}

inline void require_same_shape(const Tensor& a, const Tensor& b) {
    require(a.shape == b.shape, "The shapes ", shape_text(a.shape), " and ", shape_text(b.shape), " differ.");
}

} // namespace lemnos::reference
