// Comparison of tensors. The result is empty when they agree, else a sentence that names the worst element,
// so that a test reads EXPECT_EQ(mismatch(actual, expected, tolerance), "").
#pragma once

#include "reference/tensor.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

namespace lemnos::reference {

// A tensor of the values a device computed: f32, i32, u8, ...
template <typename Number>
Tensor tensor_of(const Shape& shape, std::span<const Number> values) {
    return Tensor(shape, std::vector<double>(values.begin(), values.end()));
}

namespace detail {

// excess(a, b) is the error of one element in units of what is allowed; the worst must not exceed 1. A value
// that is not finite agrees with nothing, not even with itself.
template <typename Excess>
std::string worst_mismatch(const Tensor& actual, const Tensor& expected, Excess excess) {
    if (actual.shape != expected.shape)
        return text("the shape is ", shape_text(actual.shape), ", expected ", shape_text(expected.shape));
    int64_t worst = 0, wrong = 0;
    double worst_excess = 0;
    for (int64_t i = 0; i < actual.size(); ++i) {
        const bool finite = std::isfinite(actual[i]) && std::isfinite(expected[i]);
        const double e = finite ? excess(actual[i], expected[i]) : HUGE_VAL;
        wrong += e > 1;
        if (e > worst_excess) {
            worst = i;
            worst_excess = e;
        }
    }
    if (wrong == 0) return "";
    std::ostringstream sentence;
    sentence.precision(9);
    sentence << wrong << " of " << actual.size() << " elements differ by too much, the worst at "
             << shape_text(index_of(worst, actual.shape)) << " of " << shape_text(actual.shape) << ": "
             << actual[worst] << ", expected " << expected[worst] << " (" << worst_excess
             << " times the tolerance)";
    return sentence.str();
}

} // namespace detail

inline double largest_magnitude(const Tensor& x) {
    double largest = 0;
    for (double value : x.data) largest = std::max(largest, std::abs(value));
    return largest;
}

// max |actual - expected| <= tolerance * max |expected|: the measure for sums of products, whose small
// elements are differences of large terms. Where the terms are known to be larger than the result (the
// gradient of a bias that happens to be near 0), `least_scale` is their size; a result that is 0 throughout
// is measured against 1.
inline std::string mismatch(const Tensor& actual, const Tensor& expected, double tolerance,
                            double least_scale = 0) {
    double scale = std::max(largest_magnitude(expected), least_scale);
    if (scale == 0) scale = 1;
    return detail::worst_mismatch(actual, expected,
                                  [&](double a, double b) { return std::abs(a - b) / (tolerance * scale); });
}

// |actual - expected| <= absolute + relative * |expected| for every element: the measure for elementwise
// operators, and the only one that looks at small values beside huge ones.
inline std::string elementwise_mismatch(const Tensor& actual, const Tensor& expected, double relative,
                                        double absolute) {
    return detail::worst_mismatch(actual, expected, [&](double a, double b) {
        return a == b ? 0 : std::abs(a - b) / (absolute + relative * std::abs(b));
    });
}

} // namespace lemnos::reference
