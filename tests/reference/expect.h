// The comparisons as GoogleTest expectations; a failure names the line of the caller.
#pragma once

#include "reference/central_differences.h"
#include "reference/compare.h"

#include <gtest/gtest.h>

#include <functional>
#include <source_location>

namespace lemnos::reference {

using Location = std::source_location;

// See mismatch() and elementwise_mismatch() of compare.h for the two measures.
inline void expect_near(const Tensor& actual, const Tensor& expected, double tolerance,
                        const Location& at = Location::current()) {
    const testing::ScopedTrace trace(at.file_name(), static_cast<int>(at.line()), "compares here");
    EXPECT_EQ(mismatch(actual, expected, tolerance), "");
}

inline void expect_near_elementwise(const Tensor& actual, const Tensor& expected, double relative,
                                    double absolute, const Location& at = Location::current()) {
    const testing::ScopedTrace trace(at.file_name(), static_cast<int>(at.line()), "compares here");
    EXPECT_EQ(elementwise_mismatch(actual, expected, relative, absolute), "");
}

// The backward agrees with central differences of the forward.
inline void expect_gradients(RandomCases& random, const Tensors& inputs, const Forward& forward,
                             const Backward& backward, const Location& at = Location::current()) {
    const testing::ScopedTrace trace(at.file_name(), static_cast<int>(at.line()), random.seed_text());
    EXPECT_EQ(gradient_mismatch(forward, backward, inputs, random), "");
}

// The same for an operator of one input.
inline void expect_gradient(RandomCases& random, const Tensor& x,
                            const std::function<Tensor(const Tensor& x)>& forward,
                            const std::function<Tensor(const Tensor& x, const Tensor& dy)>& backward,
                            const Location& at = Location::current()) {
    expect_gradients(
        random, {x}, [&](const Tensors& in) { return forward(in[0]); },
        [&](const Tensors& in, const Tensor& dy) { return Tensors{backward(in[0], dy)}; }, at);
}

} // namespace lemnos::reference
