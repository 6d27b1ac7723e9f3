// Tensor types. Layout is fixed by the engine: activations NHWC, convolution filters HWIO, row-major, dense.
#pragma once

#include "support/checked.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lemnos {

// The values are those of lem_dtype in lemnos.h.
enum class DataType : int32_t { f32 = 1, f16 = 2, i32 = 16, u8 = 32 };

inline int64_t size_of(DataType dtype) { return dtype == DataType::u8 ? 1 : dtype == DataType::f16 ? 2 : 4; }
inline bool is_real(DataType dtype) { return dtype == DataType::f32 || dtype == DataType::f16; }
const char* name_of(DataType dtype);

using Shape = std::vector<int64_t>;
std::string to_string(const Shape& shape); // "32 x 7 x 7 x 320"; a scalar prints "scalar"

struct TensorType {
    DataType dtype = DataType::f32;
    Shape shape;

    int rank() const { return int(shape.size()); }
    int64_t elements() const {
        int64_t product = 1;
        for (int64_t extent : shape) product = checked_multiply(product, extent);
        return product;
    }
    int64_t bytes() const { return checked_multiply(elements(), size_of(dtype)); }
    int64_t channels() const { return shape.empty() ? 1 : shape.back(); } // the innermost extent
    bool operator==(const TensorType&) const = default;
};
std::string to_string(const TensorType& type); // "f32 32 x 7 x 7 x 320"

// One output of one node of a graph; empty when node is negative.
struct Value {
    int32_t node = -1;
    int32_t output = 0;
    explicit operator bool() const { return node >= 0; }
    auto operator<=>(const Value&) const = default;
};

} // namespace lemnos
