// What a detector says: the probabilities of classes, and of boxes that mean the same object the best alone.
#include "graph/graph.h"
#include "ops/detection.h"
#include "ops/rows.h"
#include "shaders/non_maximum_suppression.h"

#include <algorithm>

namespace lemnos {

// Candidates of as many images are listed at once; more images take their turn in the same memory.
static constexpr int64_t list_bytes = 64 << 20;

static const std::vector<std::string> score_kinds{"softmax", "sigmoid",
                                                  "yolo"}; // as in detection_scores.comp

static void emit_scores(Emitter& e) {
    const TensorType logits = e.input_type(0);
    const auto kind = std::find(score_kinds.begin(), score_kinds.end(), e.attributes().choice("kind"));
    RowsKernel kernel{.shader = "detection_scores", .constant = uint32_t(kind - score_kinds.begin())};
    kernel.operands = {{e.input(0), RowsKernel::matrix}, {e.output(), RowsKernel::narrow}};
    emit_rows(e, kernel, logits.elements() / logits.channels(), logits.channels());
}

static void emit_suppression(Emitter& e) {
    constexpr uint32_t lanes = 64;
    const Shape scores = e.input_type(1).shape;
    const Attributes& attributes = e.attributes();
    const bool agnostic = attributes.boolean("class_agnostic");
    const int64_t images = scores[0], anchors = scores[1], classes = scores[2],
                  limit = attributes.integer("limit");
    const int64_t groups = agnostic ? 1 : classes, blocks = divide_up(anchors, SUPPRESSION_BLOCK);
    const int64_t most =
        std::min(agnostic ? limit : attributes.integer("per_class"), anchors * (classes / groups));
    const int64_t bindable = e.profile().max_storage_range / (8 * groups * most); // of what is kept
    const int64_t step =
        std::clamp<int64_t>(std::min(list_bytes / (8 * anchors * classes), bindable), 1, images);

    const Operand counts = e.workspace(4 * step * classes * blocks), totals = e.workspace(4 * step * groups);
    const Operand list_scores = e.workspace(4 * step * anchors * classes),
                  list = e.workspace(4 * step * anchors * classes);
    const Operand kept = e.workspace(8 * step * groups * most), states = e.workspace(8 * step * groups);
    for (int64_t first = 0; first < images; first += step) {
        const int64_t part = std::min(step, images - first);
        const shader::SuppressionParams params{uint32_t(first),
                                               uint32_t(part),
                                               uint32_t(anchors),
                                               uint32_t(classes),
                                               uint32_t(blocks),
                                               uint32_t(groups),
                                               uint32_t(most),
                                               uint32_t(limit),
                                               float(attributes.real("score_threshold")),
                                               float(attributes.real("iou_threshold"))};
        const auto dispatch = [&](Kernel kernel, std::vector<Operand> operands, double flops) {
            kernel.operands = std::move(operands);
            kernel.flops = flops;
            e.dispatch(std::move(kernel.params(params)));
        };
        const auto linear = [&](const char* shader, std::initializer_list<uint32_t> constants,
                                int64_t items) {
            Kernel kernel{.shader = shader, .specialisation = constants};
            kernel.groups = linear_groups(e.profile(), items, lanes);
            return kernel;
        };
        const double candidates = double(part) * double(anchors) * double(classes);
        dispatch(
            linear("suppression_candidates", {lanes, false}, part * classes * blocks),
            {e.input(1), counts.as(Access::write), list_scores.as(Access::write), list.as(Access::write)},
            candidates);
        dispatch(linear("suppression_offsets", {lanes}, part * groups), {counts, totals.as(Access::write)},
                 double(part * classes * blocks));
        dispatch(linear("suppression_candidates", {lanes, true}, part * classes * blocks),
                 {e.input(1), counts.as(Access::read), list_scores.as(Access::write), list.as(Access::write)},
                 candidates);
        // How many candidates there are, and how soon they are dropped, nobody knows before.
        dispatch(group_kernel(e, "suppression_keep", part * groups),
                 {e.input(0), totals.as(Access::read), list_scores, list, kept.as(Access::write),
                  states.as(Access::write)},
                 100 * candidates);
        dispatch(group_kernel(e, "suppression_merge", part),
                 {e.input(0), kept.as(Access::read), states, e.output()}, double(part * limit * groups));
    }
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(detection_scores) {
    return {
        .name = "detection_scores",
        .summary =
            "The probability of each class from logits x, of which the first is not one. softmax: "
            "softmax(x)_c, "
            "the first being background. sigmoid: sigmoid(x_c). yolo: sigmoid(x_0) * softmax of the others, "
            "the first being the objectness (Redmon and Farhadi, arXiv 1612.08242).",
        .inputs = {{"logits", "f32 [images, anchors, 1 + classes]."}},
        .outputs = {{"scores", "f32 [images, anchors, classes]."}},
        .attributes = {choice_attribute("kind", "softmax", score_kinds, "How a network was trained.")},
        .infer =
            [](const Signature& s) {
                s.require_type(0, DataType::f32, "logits");
                s.require(s.input(0).rank() == 3 && s.shape(0)[2] >= 2, "the logits (", to_string(s.shape(0)),
                          ") are not [images, anchors, 1 + classes].");
                return std::vector{
                    TensorType{DataType::f32, {s.shape(0)[0], s.shape(0)[1], s.shape(0)[2] - 1}}};
            },
        .emit = emit_scores};
}

LEMNOS_DEFINE_OPERATOR(non_maximum_suppression) {
    return {
        .name = "non_maximum_suppression",
        .summary =
            "Of boxes that mean the same object the best: among the scores of a class above score_threshold, "
            "again "
            "and again the best is kept and those whose box has an intersection over union above "
            "iou_threshold "
            "with it are dropped, until per_class are kept. Of all classes the limit best remain, sorted by "
            "falling score; of equal scores the lower class and then the lower anchor comes first.",
        .inputs = {{"boxes", "f32 [images, anchors, 4] = (top, left, bottom, right)."},
                   {"scores", "f32 [images, anchors, classes]."}},
        .outputs = {{"detections",
                     "f32 [images, limit, 6] = (class, score, top, left, bottom, right), clipped to 0 to 1; "
                     "class -1 and zeros beyond the last."}},
        .attributes = {real_attribute("score_threshold", 0.01, 0, 1, "Scores up to this are no detections."),
                       real_attribute("iou_threshold", 0.45, 0, 1,
                                      "The largest intersection over union of two boxes."),
                       integer_attribute("per_class", 100, 1, 1 << 20, "Boxes kept of a class at most."),
                       integer_attribute("limit", 100, 1, 1 << 20, "Boxes of an image at most."),
                       boolean_attribute(
                           "class_agnostic", false,
                           "Whether boxes of different classes suppress each other; per_class is then "
                           "not looked at.")},
        .separable = true,
        .infer =
            [](const Signature& s) {
                s.require_type(0, DataType::f32, "boxes");
                s.require_type(1, DataType::f32, "scores");
                s.require(s.input(1).rank() == 3, "the scores (", to_string(s.shape(1)),
                          ") are not [images, anchors, classes].");
                const Shape boxes{s.shape(1)[0], s.shape(1)[1], 4};
                require_shape(s, 0, "boxes", DataType::f32, boxes);
                return std::vector{TensorType{DataType::f32, {boxes[0], s.attributes.integer("limit"), 6}}};
            },
        .emit = emit_suppression};
}
