// Losses and what is counted beside them: each ends in one number on the device, summed in a fixed order.
// Weights say how much an example counts; padding has weight 0, and then nothing of it is looked at.
#include "graph/graph.h"
#include "ops/reduction.h"
#include "ops/rows.h"
#include "shaders/squared_error_gradient.h"

namespace lemnos {

static constexpr const char* weights_help =
    "One f32 a row; left out: all rows weigh 1 / the number of rows, so that the result is the mean.";

static void require_weights(const Signature& s, int i, const Shape& shape) {
    if (!s.has(i)) return;
    s.require_type(i, DataType::f32, "weights");
    s.require(s.shape(i) == shape, "the weights (", to_string(s.shape(i)), ") need the shape ",
              to_string(shape), ".");
}

// Logits, labels and perhaps weights: [...][classes], [...], [...].
static void require_classification(const Signature& s, int weights) {
    s.require_type(0, DataType::f32, "logits");
    s.require_type(1, DataType::i32, "labels");
    s.require(s.input(0).rank() >= 1, "the logits are a scalar (an axis of classes is needed).");
    const Shape rows(s.shape(0).begin(), s.shape(0).end() - 1);
    s.require(s.shape(1) == rows, "the labels (", to_string(s.shape(1)), ") need the shape of the logits (",
              to_string(s.shape(0)), ") without the last axis.");
    require_weights(s, weights, rows);
}

static int64_t row_count(const TensorType& logits) { return logits.elements() / logits.channels(); }

static void refuse_weight_gradient(const GradientBuilder& b) {
    if (b.needs(2))
        fail(ErrorCode::unsupported, "A loss cannot be differentiated by its weights (",
             to_string(b.input_type(2)), ").");
}

static AttributeSpec smoothing_attribute() {
    return real_attribute("label_smoothing", 0, 0, 1,
                          "The part of the target, below 1, that is spread evenly over all classes.");
}

// One number a row by a shader, then the sum of those.
static void emit_row_sum(Emitter& e, const char* shader, double smoothing, double factor) {
    const TensorType logits = e.input_type(0);
    const int64_t rows = row_count(logits);
    const Operand each = e.workspace(4 * rows);
    RowsKernel kernel{.shader = shader, .constant = e.has_input(2), .smoothing = float(smoothing)};
    kernel.operands = {
        {e.input(0), RowsKernel::matrix},
        {e.input(1), RowsKernel::per_row},
        {e.has_input(2) ? e.input(2) : e.none(), e.has_input(2) ? RowsKernel::per_row : RowsKernel::whole},
        {each.as(Access::write), RowsKernel::per_row}};
    emit_rows(e, kernel, rows, logits.channels());
    emit_sum(e, each.as(Access::read), 1, rows, 1, factor, e.output());
}

static void emit_cross_entropy_gradient(Emitter& e) {
    const TensorType logits = e.input_type(0);
    const bool weights = e.has_input(3);
    RowsKernel kernel{.shader = "softmax_cross_entropy_gradient",
                      .constant = weights,
                      .smoothing = float(e.attributes().real("label_smoothing")),
                      .factor = float(e.attributes().real("factor"))};
    kernel.operands = {{e.input(0), RowsKernel::matrix},
                       {e.input(1), RowsKernel::per_row},
                       {weights ? e.input(3) : e.none(), weights ? RowsKernel::per_row : RowsKernel::whole},
                       {e.input(2), RowsKernel::whole},
                       {e.output(), RowsKernel::matrix}};
    emit_rows(e, kernel, row_count(logits), logits.channels());
}

// ---- mean squared error -----------------------------------------------------------------------------------

static int64_t example_count(const TensorType& type) { return type.rank() == 0 ? 1 : type.shape[0]; }

static void require_errors(const Signature& s, int weights) {
    s.require_type(0, DataType::f32, "prediction");
    s.require_type(1, DataType::f32, "target");
    s.require(s.shape(0) == s.shape(1), "the prediction (", to_string(s.shape(0)), ") and the target (",
              to_string(s.shape(1)), ") differ in shape.");
    require_weights(s, weights, s.input(0).rank() == 0 ? Shape{} : Shape{s.shape(0)[0]});
}

static void emit_squared_error(Emitter& e) {
    const TensorType type = e.input_type(0);
    const int64_t examples = example_count(type), length = type.elements() / examples;
    const Terms terms{.shader = "squared_error",
                      .tensors = {e.input(0), e.input(1)},
                      .per_outer = e.has_input(2) ? e.input(2) : e.none(),
                      .constant = e.has_input(2)};
    if (e.has_input(2))
        emit_sum_of_terms(e, terms, examples, length, 1.0 / double(length), e.output());
    else
        emit_sum_of_terms(e, terms, 1, type.elements(), 1.0 / double(type.elements()), e.output());
}

static void squared_error_gradient(GradientBuilder& b) {
    refuse_weight_gradient(b);
    const TensorType& type = b.input_type(0);
    const int64_t counted = b.input(2) ? type.elements() / example_count(type) : type.elements();
    const Value gradient =
        b.add("mean_squared_error_gradient", {b.input(0), b.input(1), b.output_gradient(), b.input(2)},
              {{"factor", 2.0 / double(counted)}});
    if (b.needs(0)) b.set(0, gradient);
    if (b.needs(1)) b.set(1, b.add("scale", {gradient}, {{"factor", -1.0}}));
}

static void emit_squared_error_gradient(Emitter& e) {
    const TensorType type = e.output_type();
    const int64_t count = type.elements(), length = count / example_count(type), step = flat_step(e);
    for (int64_t first = 0; first < count; first += step) {
        const int64_t part = std::min(step, count - first), example = first / length;
        Kernel kernel{.shader = "squared_error_gradient", .specialisation = {64, e.has_input(3)}};
        Window weights{e.none(), 0};
        if (e.has_input(3))
            weights = window(e, e.input(3), example, (first + part - 1) / length - example + 1);
        kernel.operands = {e.input(0).slice(4 * first, 4 * part), e.input(1).slice(4 * first, 4 * part),
                           weights.operand, e.input(2), e.output().slice(4 * first, 4 * part)};
        kernel.groups = linear_groups(e.profile(), divide_up(part, 4), 64);
        kernel.flops = 3 * double(part);
        e.dispatch(std::move(kernel.params(
            shader::SquaredErrorGradientParams{uint32_t(part), uint32_t(length), uint32_t(first % length),
                                               weights.first, float(e.attributes().real("factor"))})));
    }
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(softmax_cross_entropy) {
    return {.name = "softmax_cross_entropy",
            .summary = "loss = sum over rows i of weights_i * l_i with l_i = -sum_c t_c log "
                       "softmax(logits_i)_c, where the target t is 1 - label_smoothing at the label plus "
                       "label_smoothing / classes everywhere. A row of weight 0 is not looked at; a label "
                       "outside 0 to classes - 1 makes the loss NaN, so that it is seen.",
            .inputs = {{"logits", "f32, any shape; the last axis are the classes."},
                       {"labels", "i32, the logits' shape without the last axis."},
                       {"weights", weights_help, true}},
            .outputs = {{"loss", "A scalar."}},
            .attributes = {smoothing_attribute()},
            .infer =
                [](const Signature& s) {
                    require_classification(s, 2);
                    s.require(s.attributes.real("label_smoothing") < 1,
                              "the attribute label_smoothing (1) must be below 1.");
                    return std::vector{TensorType{}};
                },
            .gradient =
                [](GradientBuilder& b) {
                    refuse_weight_gradient(b);
                    const double factor = b.input(2) ? 1.0 : 1.0 / double(row_count(b.input_type(0)));
                    if (b.needs(0))
                        b.set(0, b.add("softmax_cross_entropy_gradient",
                                       {b.input(0), b.input(1), b.output_gradient(), b.input(2)},
                                       {{"label_smoothing", b.attributes().real("label_smoothing")},
                                        {"factor", factor}}));
                },
            .emit =
                [](Emitter& e) {
                    const double factor = e.has_input(2) ? 1.0 : 1.0 / double(row_count(e.input_type(0)));
                    emit_row_sum(e, "softmax_cross_entropy", e.attributes().real("label_smoothing"), factor);
                }};
}

LEMNOS_DEFINE_OPERATOR(softmax_cross_entropy_gradient) {
    return {.name = "softmax_cross_entropy_gradient",
            .summary = "dlogits_i = dloss * factor * weights_i * (softmax(logits_i) - t).",
            .inputs = {{"logits", "As in softmax_cross_entropy."},
                       {"labels", "As in softmax_cross_entropy."},
                       {"dloss", "A scalar."},
                       {"weights", "As in softmax_cross_entropy.", true}},
            .attributes = {smoothing_attribute(),
                           real_attribute("factor", 1, 0, 1, "1 / rows where there are no weights.")},
            .internal = true,
            .infer =
                [](const Signature& s) {
                    require_classification(s, 3);
                    return std::vector{s.input(0)};
                },
            .emit = emit_cross_entropy_gradient};
}

LEMNOS_DEFINE_OPERATOR(mean_squared_error) {
    return {.name = "mean_squared_error",
            .summary =
                "loss = sum over examples i of weights_i * l_i, where l_i is the mean of (prediction_i - "
                "target_i)^2. An example of weight 0 is not looked at.",
            .inputs = {{"prediction", "f32, any shape; the first axis are the examples."},
                       {"target", "The shape of the prediction."},
                       {"weights",
                        "One f32 an example; left out: all weigh 1 / the number of examples, so that the "
                        "result is the mean.",
                        true}},
            .outputs = {{"loss", "A scalar."}},
            .infer =
                [](const Signature& s) {
                    require_errors(s, 2);
                    return std::vector{TensorType{}};
                },
            .gradient = squared_error_gradient,
            .emit = emit_squared_error};
}

LEMNOS_DEFINE_OPERATOR(mean_squared_error_gradient) {
    return {.name = "mean_squared_error_gradient",
            .summary = "dprediction_i = dloss * factor * weights_i * (prediction_i - target_i).",
            .inputs = {{"prediction", "As in mean_squared_error."},
                       {"target", "As in mean_squared_error."},
                       {"dloss", "A scalar."},
                       {"weights", "As in mean_squared_error.", true}},
            .attributes = {required(
                real_attribute("factor", 1, 0, 2, "2 / the number of elements that are averaged."))},
            .internal = true,
            .infer =
                [](const Signature& s) {
                    require_errors(s, 3);
                    return std::vector{s.input(0)};
                },
            .emit = emit_squared_error_gradient};
}

LEMNOS_DEFINE_OPERATOR(count_correct) {
    return {
        .name = "count_correct",
        .summary = "The number of rows whose first maximum is the label, of those with a weight above 0.",
        .inputs = {{"logits", "f32, any shape; the last axis are the classes."},
                   {"labels",
                    "i32, the logits' shape without the last axis; one that is no class is never correct."},
                   {"weights", "One f32 a row; left out: all rows count.", true}},
        .outputs = {{"count", "A scalar, f32."}},
        .infer =
            [](const Signature& s) {
                require_classification(s, 2);
                return std::vector{TensorType{}};
            },
        .emit = [](Emitter& e) { emit_row_sum(e, "count_correct", 0, 1); }};
}
