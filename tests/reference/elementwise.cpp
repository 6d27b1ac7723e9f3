// The derivatives are those of the functions as written: nothing is computed from the output of a forward.
#include "reference/elementwise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace lemnos::reference {
namespace {

// exp of a negative number only, so that nothing overflows.
double logistic(double x) {
    const double e = std::exp(-std::abs(x));
    return (x >= 0 ? 1 : e) / (1 + e);
}

double clamp6(double x) { return std::clamp(x, 0.0, 6.0); }

// a[i] meets b[i % b.size()].
void require_broadcast(const Tensor& a, const Tensor& b) {
    const bool is_suffix =
        b.shape.size() <= a.shape.size() && std::equal(b.shape.rbegin(), b.shape.rend(), a.shape.rbegin());
    require(is_suffix || b.size() == 1, "The shape ", shape_text(b.shape), " cannot be broadcast over ",
            shape_text(a.shape), ".");
}

template <typename Operation>
Tensor combine(const Tensor& a, const Tensor& b, Operation operation) {
    require_broadcast(a, b);
    Tensor y(a.shape);
    for (int64_t i = 0; i < a.size(); ++i) y[i] = operation(a[i], b[i % b.size()]);
    return y;
}

// slopes(a, b) are the two partial derivatives of the operation.
template <typename Slopes>
BinaryGradients combine_backward(const Tensor& a, const Tensor& b, const Tensor& dy, Slopes slopes) {
    require_broadcast(a, b);
    require_same_shape(a, dy);
    BinaryGradients d{Tensor(a.shape), Tensor(b.shape)};
    for (int64_t i = 0; i < a.size(); ++i) {
        const int64_t j = i % b.size();
        const auto [by_a, by_b] = slopes(a[i], b[j]);
        d.a[i] += dy[i] * by_a;
        d.b[j] += dy[i] * by_b;
    }
    return d;
}

// The nearest number with `digits` binary digits, a least normal exponent (below it numbers are subnormal)
// and a largest value, beyond which lies infinity.
double rounded(double x, int digits, int least_exponent, double largest) {
    if (x == 0 || !std::isfinite(x)) return x;
    const double spacing = std::ldexp(1.0, std::max(std::ilogb(x), least_exponent) - digits + 1);
    const double nearest = std::nearbyint(x / spacing) * spacing;
    return std::abs(nearest) <= largest ? nearest : std::copysign(std::numeric_limits<double>::infinity(), x);
}

template <typename Integer>
double truncated(double x) {
    if (std::isnan(x)) return 0;
    using Limits = std::numeric_limits<Integer>;
    return std::clamp<double>(std::trunc(x), Limits::min(), Limits::max());
}

double converted(double x, NumberType to) {
    switch (to) {
    case NumberType::f32:
        return rounded(x, 24, -126, std::numeric_limits<float>::max());
    case NumberType::f16:
        return rounded(x, 11, -14, 65504);
    case NumberType::i32:
        return truncated<int32_t>(x);
    case NumberType::u8:
        return truncated<uint8_t>(x);
    }
    fail(ErrorCode::invalid_argument, "The number type ", static_cast<int>(to), " is unknown.");
}

bool is_floating(NumberType type) { return type == NumberType::f32 || type == NumberType::f16; }

} // namespace

Activation relu() {
    return {"relu", [](double x) { return x > 0 ? x : 0; }, [](double x) { return x > 0 ? 1 : 0; }, {0}};
}

Activation relu6() {
    return {"relu6", clamp6, [](double x) { return x > 0 && x < 6 ? 1 : 0; }, {0, 6}};
}

Activation leaky_relu(double negative_slope) {
    const auto slope = [=](double x) { return x > 0 ? 1 : negative_slope; };
    return {"leaky_relu", [=](double x) { return slope(x) * x; }, slope, {0}};
}

Activation sigmoid() {
    return {"sigmoid", logistic, [](double x) { return logistic(x) * logistic(-x); }, {}};
}

// The derivative 1 - tanh(x)^2 = 4 s(2x) s(-2x) with the logistic s does not cancel where tanh is near 1.
Activation tanh_activation() {
    return {"tanh",
            [](double x) { return std::tanh(x); },
            [](double x) { return 4 * logistic(2 * x) * logistic(-2 * x); },
            {}};
}

Activation hard_swish() {
    const auto slope = [](double x) {
        if (x <= -3) return 0.0;
        return x >= 3 ? 1 : x / 3 + 0.5;
    };
    return {"hard_swish", [](double x) { return x * (clamp6(x + 3) / 6); }, slope, {-3, 3}};
}

std::vector<Activation> activations() {
    return {relu(), relu6(), leaky_relu(0.01), sigmoid(), tanh_activation(), hard_swish()};
}

Tensor activate(const Activation& activation, const Tensor& x) {
    Tensor y(x.shape);
    for (int64_t i = 0; i < x.size(); ++i) y[i] = activation.value(x[i]);
    return y;
}

Tensor activate_backward(const Activation& activation, const Tensor& x, const Tensor& dy) {
    require_same_shape(x, dy);
    Tensor dx(x.shape);
    for (int64_t i = 0; i < x.size(); ++i) dx[i] = dy[i] * activation.slope(x[i]);
    return dx;
}

Tensor add(const Tensor& a, const Tensor& b) {
    return combine(a, b, [](double p, double q) { return p + q; });
}

Tensor subtract(const Tensor& a, const Tensor& b) {
    return combine(a, b, [](double p, double q) { return p - q; });
}

Tensor multiply(const Tensor& a, const Tensor& b) {
    return combine(a, b, [](double p, double q) { return p * q; });
}

BinaryGradients add_backward(const Tensor& a, const Tensor& b, const Tensor& dy) {
    return combine_backward(a, b, dy, [](double, double) { return std::pair(1.0, 1.0); });
}

BinaryGradients subtract_backward(const Tensor& a, const Tensor& b, const Tensor& dy) {
    return combine_backward(a, b, dy, [](double, double) { return std::pair(1.0, -1.0); });
}

BinaryGradients multiply_backward(const Tensor& a, const Tensor& b, const Tensor& dy) {
    return combine_backward(a, b, dy, [](double p, double q) { return std::pair(q, p); });
}

Tensor scale(const Tensor& x, double factor) {
    Tensor y(x.shape);
    for (int64_t i = 0; i < x.size(); ++i) y[i] = factor * x[i];
    return y;
}

Tensor scale_backward(const Tensor& dy, double factor) { return scale(dy, factor); }

Tensor dropout(const Tensor& x, const Tensor& mask, double rate) {
    require_same_shape(x, mask);
    require(rate >= 0 && rate < 1, "The dropout rate ", rate, " does not lie in [0, 1).");
    Tensor y(x.shape);
    for (int64_t i = 0; i < x.size(); ++i) y[i] = mask[i] != 0 ? x[i] / (1 - rate) : 0;
    return y;
}

Tensor dropout_backward(const Tensor& dy, const Tensor& mask, double rate) { return dropout(dy, mask, rate); }

Tensor cast(const Tensor& x, NumberType to) {
    Tensor y(x.shape);
    for (int64_t i = 0; i < x.size(); ++i) y[i] = converted(x[i], to);
    return y;
}

Tensor cast_backward(const Tensor& dy, NumberType from, NumberType to) {
    return is_floating(from) && is_floating(to) ? cast(dy, from) : Tensor(dy.shape);
}

} // namespace lemnos::reference
