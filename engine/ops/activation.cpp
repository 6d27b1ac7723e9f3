// relu, relu6, leaky_relu, sigmoid, tanh, hard_swish and their common gradient.
#include "ops/activation.h"

#include "graph/graph.h"
#include "ops/items.h"
#include "shaders/activation.h"

namespace lemnos {

static const std::vector<std::string> activation_names{"none",    "relu", "relu6",     "leaky_relu",
                                                       "sigmoid", "tanh", "hard_swish"};
static const std::vector<std::string> fusible_names{"none", "relu", "relu6", "sigmoid", "tanh"};

AttributeSpec activation_attribute() {
    return choice_attribute("activation", "none", fusible_names, "The function applied to the result.");
}

ActivationKind activation_kind(const std::string& name) {
    for (size_t i = 0; i < activation_names.size(); ++i)
        if (activation_names[i] == name) return ActivationKind(i);
    fail(ErrorCode::internal, "There is no activation named ", name, ".");
}

Value gradient_through_activation(const GradientBuilder& builder, const std::string& activation, Value result,
                                  Value result_gradient) {
    if (activation == "none") return result_gradient;
    return builder.add("activation_gradient", {result, result_gradient}, {{"function", activation}});
}

static std::vector<TensorType> infer_activation(const Signature& s) {
    s.require_real(0, "x");
    if (s.count() > 1) s.require_type(1, s.input(0).dtype, "dy");
    return {s.input(0)};
}

static void emit_elementwise(Emitter& e, const char* shader, const std::string& name, double slope) {
    const uint32_t count = uint32_t(e.output_type().elements());
    Kernel kernel{.shader = real_variant(shader, e.output_type().dtype), .specialisation = {64, uint32_t(activation_kind(name))}};
    for (int i = 0; i < e.input_count(); ++i) kernel.operands.push_back(e.input(i));
    kernel.operands.push_back(e.output());
    kernel.groups = linear_groups(e.profile(), divide_up(count, 4), 64);
    kernel.flops = count;
    e.dispatch(std::move(kernel.params(shader::ActivationParams{count, float(slope)})));
}

// One function that takes no parameter. The name comes from the node, so that all share these rules.
static Operator plain_activation(const char* name, const char* summary, void (*emit)(Emitter&),
                                 void (*gradient)(GradientBuilder&)) {
    return {.name = name,
            .summary = summary,
            .inputs = {{"x", "Any shape."}},
            .separable = true,
            .half = {0},
            .infer = infer_activation,
            .gradient = gradient,
            .emit = emit};
}

#define PLAIN_ACTIVATION(name, summary, gradient_source)                                                               \
    LEMNOS_DEFINE_OPERATOR(name) {                                                                                     \
        return plain_activation(                                                                                       \
            #name, summary, [](Emitter& e) { emit_elementwise(e, "activation", #name, 0); },                           \
            [](GradientBuilder& b) {                                                                                   \
                b.set(0, b.add("activation_gradient", {gradient_source, b.output_gradient()}, {{"function", #name}})); \
            });                                                                                                        \
    }

} // namespace lemnos

using namespace lemnos;

PLAIN_ACTIVATION(relu, "y = max(x, 0); the gradient at 0 is 0.", b.output())
PLAIN_ACTIVATION(relu6, "y = min(max(x, 0), 6); the gradient at 0 and at 6 is 0.", b.output())
PLAIN_ACTIVATION(sigmoid, "y = 1 / (1 + exp(-x)).", b.output())
PLAIN_ACTIVATION(tanh, "y = tanh(x).", b.output())
PLAIN_ACTIVATION(hard_swish, "y = x * min(max(x + 3, 0), 6) / 6; the gradient at -3 is 0 and at 3 is 1.", b.input(0))

LEMNOS_DEFINE_OPERATOR(leaky_relu) {
    return {.name = "leaky_relu",
            .summary = "y = x where x > 0, slope * x elsewhere; the gradient at 0 is the slope.",
            .inputs = {{"x", "Any shape."}},
            .attributes = {real_attribute("slope", 0.01, 0, 1, "The factor of negative values.")},
            .separable = true,
            .half = {0},
            .infer = infer_activation,
            .gradient =
                [](GradientBuilder& b) {
                    b.set(0, b.add("activation_gradient", {b.input(0), b.output_gradient()},
                                   {{"function", "leaky_relu"}, {"slope", b.attributes().real("slope")}}));
                },
            .emit = [](Emitter& e) { emit_elementwise(e, "activation", "leaky_relu", e.attributes().real("slope")); }};
}

LEMNOS_DEFINE_OPERATOR(activation_gradient) {
    return {.name = "activation_gradient",
            .summary = "dx = dy * f'(x).",
            .inputs = {{"xy", "The function's result; for hard_swish its argument."}, {"dy", "The result's gradient."}},
            .attributes = {required(choice_attribute("function", "relu", activation_names, "The function f.")),
                           real_attribute("slope", 0, 0, 1, "Of leaky_relu.")},
            .internal = true,
            .separable = true,
            .half = {0, 1},
            .infer = infer_activation,
            .emit = [](Emitter& e) {
                emit_elementwise(e, "activation_gradient", e.attributes().choice("function"),
                                 e.attributes().real("slope"));
            }};
}
