// Activation functions: the numbers that shaders/include/activation.glsl switches on, and the attribute that lets other
// operators (convolution, normalisation) apply one to their result.
#pragma once

#include "op.h"

namespace lemnos {

enum class ActivationKind : uint32_t { none, relu, relu6, leaky_relu, sigmoid, tanh, hard_swish };

// "none" and the names of the functions that need no parameter.
AttributeSpec activation_attribute();
ActivationKind activation_kind(const std::string& name);

// The gradient with respect to the argument of an activation that an operator applied to its own result, from that
// result and its gradient. Only for functions whose derivative follows from the result: not hard_swish.
Value gradient_through_activation(const GradientBuilder& builder, const std::string& activation, Value result,
                                  Value result_gradient);

} // namespace lemnos
