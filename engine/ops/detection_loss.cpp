// Losses of many rows, one number each, for networks that weigh every anchor's by itself. Where the gradient
// of a row is 0, nothing of the row is looked at when gradients are computed.
#include "graph/graph.h"
#include "ops/rows.h"

namespace lemnos {

static Shape without_last(const Shape& shape) { return Shape(shape.begin(), shape.end() - 1); }
static int64_t row_count(const TensorType& matrix) { return matrix.elements() / matrix.channels(); }

static void require_row_values(const Signature& s, int i, const char* name, DataType dtype) {
    s.require_type(i, dtype, name);
    s.require(s.shape(i) == without_last(s.shape(0)), "the input ", name, " (", to_string(s.shape(i)),
              ") needs the shape of the first input (", to_string(s.shape(0)), ") without the last axis.");
}

static TensorType losses_of(const Signature& s) { return {DataType::f32, without_last(s.shape(0))}; }

// ---- classification ---------------------------------------------------------------------------------------

static std::vector<AttributeSpec> classification_attributes() {
    return {choice_attribute("kind", "softmax", {"softmax", "sigmoid", "focal"}, "The loss."),
            real_attribute("alpha", 0.25, 0, 1,
                           "The weight of the label's term in a focal loss; the others have 1 - alpha."),
            real_attribute("gamma", 2, 0, 100, "The exponent of a focal loss.")};
}

static void require_classification(const Signature& s) {
    s.require_type(0, DataType::f32, "logits");
    s.require(s.input(0).rank() >= 1, "the logits are a scalar (an axis of classes is needed).");
    require_row_values(s, 1, "labels", DataType::i32);
}

static RowsKernel binary_kernel(Emitter& e, const char* shader) {
    return {.shader = shader,
            .constant = e.attributes().choice("kind") == "focal",
            .alpha = float(e.attributes().real("alpha")),
            .gamma = float(e.attributes().real("gamma"))};
}

static void emit_classification(Emitter& e) {
    const bool softmax = e.attributes().choice("kind") == "softmax";
    RowsKernel kernel =
        softmax ? RowsKernel{.shader = "softmax_cross_entropy"} : binary_kernel(e, "classification_losses");
    kernel.operands = {{e.input(0), RowsKernel::matrix}, {e.input(1), RowsKernel::per_row}};
    if (softmax) kernel.operands.push_back({e.none(), RowsKernel::whole}); // no weights
    kernel.operands.push_back({e.output(), RowsKernel::per_row});
    emit_rows(e, kernel, row_count(e.input_type(0)), e.input_type(0).channels());
}

static void emit_classification_gradient(Emitter& e) {
    constexpr uint32_t gradients_of_rows = 2;
    const bool softmax = e.attributes().choice("kind") == "softmax";
    RowsKernel kernel =
        softmax ? RowsKernel{.shader = "softmax_cross_entropy_gradient", .constant = gradients_of_rows}
                : binary_kernel(e, "classification_losses_gradient");
    kernel.operands = {{e.input(0), RowsKernel::matrix},
                       {e.input(1), RowsKernel::per_row},
                       {e.input(2), RowsKernel::per_row}};
    if (softmax) kernel.operands.push_back({e.none(), RowsKernel::whole}); // no gradient of a sum
    kernel.operands.push_back({e.output(), RowsKernel::matrix});
    emit_rows(e, kernel, row_count(e.input_type(0)), e.input_type(0).channels());
}

// ---- smooth L1 --------------------------------------------------------------------------------------------

static AttributeSpec beta_attribute() {
    return real_attribute("beta", 1, 0, 1e30, "Where the square turns into a line; 0 means |d|.");
}

static void require_coordinates(const Signature& s) {
    s.require_type(0, DataType::f32, "prediction");
    s.require_type(1, DataType::f32, "target");
    s.require(s.input(0).rank() >= 1, "the prediction is a scalar (an axis to add up is needed).");
    s.require(s.shape(0) == s.shape(1), "the prediction (", to_string(s.shape(0)), ") and the target (",
              to_string(s.shape(1)), ") differ in shape.");
}

static void emit_smooth_l1(Emitter& e, const char* shader) {
    RowsKernel kernel{.shader = shader, .beta = float(e.attributes().real("beta"))};
    kernel.operands = {{e.input(0), RowsKernel::matrix}, {e.input(1), RowsKernel::matrix}};
    if (e.has_input(2)) kernel.operands.push_back({e.input(2), RowsKernel::per_row});
    kernel.operands.push_back({e.output(), e.has_input(2) ? RowsKernel::matrix : RowsKernel::per_row});
    emit_rows(e, kernel, row_count(e.input_type(0)), e.input_type(0).channels());
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(classification_losses) {
    return {.name = "classification_losses",
            .summary = "One loss a row of logits x with the target t, 1 at the label and 0 elsewhere. "
                       "softmax: -sum_c t_c log "
                       "softmax(x)_c. sigmoid: the sum over all classes of -log p_c, where p_c is "
                       "sigmoid(x_c) at the label "
                       "and 1 - sigmoid(x_c) elsewhere. focal: the sum over all classes of -a_c (1 - "
                       "p_c)^gamma log p_c with "
                       "a_c = alpha at the label and 1 - alpha elsewhere (Lin et al., arXiv 1708.02002). A "
                       "label outside 0 to "
                       "classes - 1 makes the loss NaN, so that it is seen; a row whose loss has gradient 0 "
                       "is not looked at "
                       "for gradients.",
            .inputs = {{"logits", "f32, any shape; the last axis are the classes."},
                       {"labels", "i32, the logits' shape without the last axis."}},
            .outputs = {{"losses", "f32, the shape of the labels."}},
            .attributes = classification_attributes(),
            .infer =
                [](const Signature& s) {
                    require_classification(s);
                    return std::vector{losses_of(s)};
                },
            .gradient =
                [](GradientBuilder& b) {
                    if (b.needs(0))
                        b.set(0, b.add("classification_losses_gradient",
                                       {b.input(0), b.input(1), b.output_gradient()}, b.attributes()));
                },
            .emit = emit_classification};
}

LEMNOS_DEFINE_OPERATOR(classification_losses_gradient) {
    return {.name = "classification_losses_gradient",
            .summary = "The gradient of classification_losses by the logits.",
            .inputs = {{"logits", "As in classification_losses."},
                       {"labels", "As in classification_losses."},
                       {"dlosses", "The gradient of each row's loss."}},
            .outputs = {{"dlogits", "The shape of the logits."}},
            .attributes = classification_attributes(),
            .internal = true,
            .infer =
                [](const Signature& s) {
                    require_classification(s);
                    require_row_values(s, 2, "dlosses", DataType::f32);
                    return std::vector{s.input(0)};
                },
            .emit = emit_classification_gradient};
}

LEMNOS_DEFINE_OPERATOR(smooth_l1_losses) {
    return {.name = "smooth_l1_losses",
            .summary = "One loss a row: the sum over the last axis of 0.5 d^2 / beta where |d| < beta, else "
                       "|d| - 0.5 beta, with "
                       "d = prediction - target (Girshick, arXiv 1504.08083, for beta = 1). A row whose loss "
                       "has gradient 0 is "
                       "not looked at for gradients.",
            .inputs = {{"prediction", "f32, any shape of rank 1 or more."},
                       {"target", "The shape of the prediction."}},
            .outputs = {{"losses", "f32, that shape without the last axis."}},
            .attributes = {beta_attribute()},
            .infer =
                [](const Signature& s) {
                    require_coordinates(s);
                    return std::vector{losses_of(s)};
                },
            .gradient =
                [](GradientBuilder& b) {
                    const Value gradient =
                        b.add("smooth_l1_losses_gradient", {b.input(0), b.input(1), b.output_gradient()},
                              b.attributes());
                    if (b.needs(0)) b.set(0, gradient);
                    if (b.needs(1)) b.set(1, b.add("scale", {gradient}, {{"factor", -1.0}}));
                },
            .emit = [](Emitter& e) { emit_smooth_l1(e, "smooth_l1_losses"); }};
}

LEMNOS_DEFINE_OPERATOR(smooth_l1_losses_gradient) {
    return {.name = "smooth_l1_losses_gradient",
            .summary =
                "The gradient of smooth_l1_losses by the prediction; at |d| = beta and beyond the sign of d.",
            .inputs = {{"prediction", "As in smooth_l1_losses."},
                       {"target", "As in smooth_l1_losses."},
                       {"dlosses", "The gradient of each row's loss."}},
            .outputs = {{"dprediction", "The shape of the prediction."}},
            .attributes = {beta_attribute()},
            .internal = true,
            .infer =
                [](const Signature& s) {
                    require_coordinates(s);
                    require_row_values(s, 2, "dlosses", DataType::f32);
                    return std::vector{s.input(0)};
                },
            .emit = [](Emitter& e) { emit_smooth_l1(e, "smooth_l1_losses_gradient"); }};
}
