// Operators that look at one element at a time: activations, arithmetic, dropout and casts.
#pragma once

#include "reference/tensor.h"

#include <functional>
#include <string>
#include <vector>

namespace lemnos::reference {

// A function of one number with its derivative. Where the derivative jumps (the kinks) `slope` is defined as
// well: it is the slope of the flat or leaky side at every kink of relu, relu6 and leaky relu, and 0 and 1 at
// the kinks -3 and 3 of hard-swish, which is what the product rule on x * relu6(x + 3) / 6 gives.
struct Activation {
    std::string name;
    std::function<double(double)> value, slope;
    std::vector<double> kinks;
};

Activation relu();
Activation relu6(); // slope 1 on the open interval (0, 6), else 0
Activation leaky_relu(double negative_slope);
Activation sigmoid();
Activation tanh_activation();
Activation hard_swish();
std::vector<Activation> activations(); // all of them, leaky relu with slope 0.01

Tensor activate(const Activation& activation, const Tensor& x);
Tensor activate_backward(const Activation& activation, const Tensor& x, const Tensor& dy);

struct BinaryGradients {
    Tensor a, b;
};

// b has the shape of a, or is broadcast over the leading axes of a: a per-channel vector [c], a suffix of a's
// shape, or a scalar of one element.
Tensor add(const Tensor& a, const Tensor& b);
Tensor subtract(const Tensor& a, const Tensor& b);
Tensor multiply(const Tensor& a, const Tensor& b);
BinaryGradients add_backward(const Tensor& a, const Tensor& b, const Tensor& dy);
BinaryGradients subtract_backward(const Tensor& a, const Tensor& b, const Tensor& dy);
BinaryGradients multiply_backward(const Tensor& a, const Tensor& b, const Tensor& dy);

// factor * x. The operator is its own gradient.
Tensor scale(const Tensor& x, double factor);
Tensor scale_backward(const Tensor& dy, double factor);

// y = x / (1 - rate) where the mask is not 0, else 0 (inverted dropout). The gradient does the same to dy.
Tensor dropout(const Tensor& x, const Tensor& mask, double rate);
Tensor dropout_backward(const Tensor& dy, const Tensor& mask, double rate);

enum class NumberType { f32, f16, i32, u8 };

// The nearest number of the type, ties to even. To an integer: towards zero, clamped to its range, NaN to 0.
Tensor cast(const Tensor& x, NumberType to);
// The gradient passes between floating-point types and stops at integers.
Tensor cast_backward(const Tensor& dy, NumberType from, NumberType to);

} // namespace lemnos::reference
