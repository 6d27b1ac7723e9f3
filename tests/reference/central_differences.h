// Holds a hand-written backward against central differences of its forward, in double: for a random dy the
// gradient of sum(dy * forward(inputs)) by every element of every input.
#pragma once

#include "reference/compare.h"
#include "reference/random_cases.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace lemnos::reference {

using Tensors = std::vector<Tensor>;
using Forward = std::function<Tensor(const Tensors& inputs)>;
// One gradient an input, in their order; an empty one says that nothing is differentiated by that input.
using Backward = std::function<Tensors(const Tensors& inputs, const Tensor& dy)>;

// The step 2^-20 (about 1e-6) times max(1, |x|) balances the error of the differences (step^2) and of
// rounding (2^-53 / step): both lie below 1e-9 for functions of size 1.
inline Tensor central_differences(const Forward& forward, Tensors inputs, size_t which, const Tensor& dy) {
    Tensor gradient(inputs[which].shape);
    for (int64_t i = 0; i < gradient.size(); ++i) {
        double& x = inputs[which][i];
        const double middle = x, step = std::ldexp(std::max(1.0, std::abs(middle)), -20);
        const double above = x = middle + step;
        const Tensor y_above = forward(inputs);
        const double below = x = middle - step;
        const Tensor y_below = forward(inputs);
        x = middle;
        for (int64_t o = 0; o < dy.size(); ++o) gradient[i] += dy[o] * (y_above[o] - y_below[o]);
        gradient[i] /= above - below;
    }
    return gradient;
}

// Empty if the backward agrees, else which gradient differs and where. Gradients below 1e-2 are held to the
// absolute error tolerance * 1e-2, for differences resolve no finer: that of a batch norm over two cells may
// be 1e-6.
inline std::string gradient_mismatch(const Forward& forward, const Backward& backward, const Tensors& inputs,
                                     RandomCases& random, double tolerance = 1e-7) {
    const Tensor dy = random.uniform(forward(inputs).shape);
    const Tensors gradients = backward(inputs, dy);
    if (gradients.size() != inputs.size())
        return text(gradients.size(), " gradients for ", inputs.size(), " inputs");
    for (size_t which = 0; which < inputs.size(); ++which) {
        if (gradients[which].empty()) continue;
        const Tensor differences = central_differences(forward, inputs, which, dy);
        const std::string problem = mismatch(gradients[which], differences, tolerance, 1e-2);
        if (!problem.empty()) return text("gradient ", which, ": ", problem);
    }
    return "";
}

} // namespace lemnos::reference
