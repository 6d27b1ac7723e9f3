// softmax and log_softmax over the last axis, and their gradients from the result.
#include "graph/graph.h"
#include "ops/rows.h"

namespace lemnos {

static std::vector<TensorType> infer_softmax(const Signature& s) {
    s.require_type(0, DataType::f32, "x");
    s.require(s.input(0).rank() >= 1, "the input x is a scalar (an axis to normalise over is needed).");
    return {s.input(0)};
}

static std::vector<TensorType> infer_softmax_gradient(const Signature& s) {
    s.require(s.input(0) == s.input(1), "y and dy differ in type.");
    return {s.input(0)};
}

static void emit_softmax(Emitter& e, const char* shader, bool logarithm) {
    const TensorType type = e.output_type();
    RowsKernel kernel{.shader = shader, .constant = logarithm};
    for (int i = 0; i < e.input_count(); ++i) kernel.operands.push_back({e.input(i), RowsKernel::matrix});
    kernel.operands.push_back({e.output(), RowsKernel::matrix});
    emit_rows(e, kernel, type.elements() / type.channels(), type.channels());
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(softmax) {
    return {.name = "softmax",
            .summary = "y = exp(x) / sum of exp(x) over the last axis, computed without overflow.",
            .inputs = {{"x", "Any shape of rank 1 or more."}},
            .infer = infer_softmax,
            .gradient =
                [](GradientBuilder& b) {
                    b.set(0, b.add("softmax_gradient", {b.output(), b.output_gradient()},
                                   {{"logarithm", int64_t(0)}}));
                },
            .emit = [](Emitter& e) { emit_softmax(e, "softmax", false); }};
}

LEMNOS_DEFINE_OPERATOR(log_softmax) {
    return {.name = "log_softmax",
            .summary = "y = x - log(sum of exp(x)) over the last axis, computed without overflow.",
            .inputs = {{"x", "Any shape of rank 1 or more."}},
            .infer = infer_softmax,
            .gradient =
                [](GradientBuilder& b) {
                    b.set(0, b.add("softmax_gradient", {b.output(), b.output_gradient()},
                                   {{"logarithm", int64_t(1)}}));
                },
            .emit = [](Emitter& e) { emit_softmax(e, "softmax", true); }};
}

LEMNOS_DEFINE_OPERATOR(softmax_gradient) {
    return {
        .name = "softmax_gradient",
        .summary = "The gradient of softmax or of log_softmax from its result y.",
        .inputs = {{"y", "The result."}, {"dy", "The result's gradient."}},
        .attributes = {boolean_attribute("logarithm", false, "Whether y is that of log_softmax.")},
        .internal = true,
        .infer = infer_softmax_gradient,
        .emit = [](Emitter& e) { emit_softmax(e, "softmax_gradient", e.attributes().boolean("logarithm")); }};
}
