// l2_normalisation: every cell's channels divided by their length, times a learned scale a channel.
#include "graph/graph.h"
#include "ops/reduction.h"
#include "ops/rows.h"

namespace lemnos {

enum class Length : uint32_t { normalise, by_x, by_scale }; // as in shaders/l2_normalisation.comp

static AttributeSpec epsilon_attribute() {
    return real_attribute("epsilon", 1e-10, 1e-18, 1e18, "The least length.");
}

static void require_rows(const Signature& s) {
    s.require_type(0, DataType::f32, "x");
    s.require(s.input(0).rank() >= 1, "the input x is a scalar (an axis of channels is needed).");
}

static void require_scale(const Signature& s) {
    s.require_type(1, DataType::f32, "scale");
    s.require(s.shape(1) == Shape{s.shape(0).back()}, "the scale (", to_string(s.shape(1)),
              ") needs the shape ", s.shape(0).back(), ".");
}

static void emit_length(Emitter& e, Length mode, std::optional<Operand> scale,
                        std::optional<Operand> gradient, const Operand& result) {
    const TensorType x = e.input_type(0);
    RowsKernel kernel{.shader = "l2_normalisation",
                      .constant = uint32_t(mode),
                      .epsilon = float(e.attributes().real("epsilon"))};
    kernel.operands = {{e.input(0), RowsKernel::matrix}, {scale ? *scale : e.none(), RowsKernel::whole}};
    if (gradient)
        kernel.operands.push_back({*gradient, RowsKernel::matrix});
    else
        kernel.operands.push_back({e.none(), RowsKernel::whole});
    kernel.operands.push_back({result, RowsKernel::matrix});
    emit_rows(e, kernel, x.elements() / x.channels(), x.channels());
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(l2_normalisation) {
    return {.name = "l2_normalisation",
            .summary = "y = scale * x / max(|x|, epsilon) over the last axis, where |x| is the square root "
                       "of the sum of squares "
                       "(Liu et al., ParseNet, arXiv 1506.04579).",
            .inputs = {{"x", "f32, any shape of rank 1 or more."}, {"scale", "f32, one number a channel."}},
            .attributes = {epsilon_attribute()},
            .infer =
                [](const Signature& s) {
                    require_rows(s);
                    require_scale(s);
                    return std::vector{s.input(0)};
                },
            .gradient =
                [](GradientBuilder& b) {
                    if (b.needs(0))
                        b.set(0, b.add("l2_normalisation_gradient",
                                       {b.input(0), b.input(1), b.output_gradient()}, b.attributes()));
                    if (b.needs(1))
                        b.set(1, b.add("l2_normalisation_scale_gradient", {b.input(0), b.output_gradient()},
                                       b.attributes()));
                },
            .emit = [](Emitter& e) { emit_length(e, Length::normalise, e.input(1), {}, e.output()); }};
}

LEMNOS_DEFINE_OPERATOR(l2_normalisation_gradient) {
    return {.name = "l2_normalisation_gradient",
            .summary = "The gradient of l2_normalisation by x; where |x| is at most epsilon, that of scale * "
                       "x / epsilon.",
            .inputs = {{"x", "The argument."}, {"scale", "The scale."}, {"dy", "The result's gradient."}},
            .outputs = {{"dx", "The shape of x."}},
            .attributes = {epsilon_attribute()},
            .internal = true,
            .infer =
                [](const Signature& s) {
                    require_rows(s);
                    require_scale(s);
                    s.require(s.input(0) == s.input(2), "x and dy differ in type.");
                    return std::vector{s.input(0)};
                },
            .emit = [](Emitter& e) { emit_length(e, Length::by_x, e.input(1), e.input(2), e.output()); }};
}

LEMNOS_DEFINE_OPERATOR(l2_normalisation_scale_gradient) {
    return {.name = "l2_normalisation_scale_gradient",
            .summary = "The gradient of l2_normalisation by the scale: the sum of dy * x / max(|x|, epsilon) "
                       "over all rows.",
            .inputs = {{"x", "The argument."}, {"dy", "The result's gradient."}},
            .outputs = {{"dscale", "One number a channel."}},
            .attributes = {epsilon_attribute()},
            .internal = true,
            .infer =
                [](const Signature& s) {
                    require_rows(s);
                    s.require(s.input(0) == s.input(1), "x and dy differ in type.");
                    return std::vector{TensorType{DataType::f32, {s.shape(0).back()}}};
                },
            .emit =
                [](Emitter& e) {
                    const TensorType x = e.input_type(0);
                    const Operand terms = e.workspace(x.bytes());
                    emit_length(e, Length::by_scale, {}, e.input(1), terms.as(Access::write));
                    emit_sum(e, terms.as(Access::read), 1, x.elements() / x.channels(), x.channels(), 1,
                             e.output());
                }};
}
