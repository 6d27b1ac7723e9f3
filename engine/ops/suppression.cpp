// From what a detector gives to objects: scores of classes, and of boxes that overlap the weaker gone.
#include "graph/graph.h"
#include "ops/detection.h"
#include "ops/rows.h"
#include "shaders/suppression.h"

namespace lemnos {

static void emit_scores(Emitter& e) {
    const TensorType logits = e.input_type(0);
    const std::string& kind = e.attributes().choice("kind");
    RowsKernel kernel{.shader = "detection_scores", .constant = kind == "softmax" ? 0u : kind == "sigmoid" ? 1u : 2u};
    kernel.operands = {{e.input(0), RowsKernel::matrix}, {e.output(), RowsKernel::narrow}};
    emit_rows(e, kernel, logits.elements() / logits.channels(), logits.channels());
}

// Candidates of a few images at a time: all of an image may be one in every class.
static void emit_suppression(Emitter& e) {
    constexpr int64_t most_candidates = int64_t(1) << 23;
    const Shape scores = e.input_type(1).shape;
    const int64_t images = scores[0], anchors = scores[1], classes = scores[2];
    const int64_t limit = e.attributes().integer("limit"), per_class = std::min(e.attributes().integer("per_class"), anchors);
    const int64_t step = std::clamp<int64_t>(most_candidates / (anchors * classes), 1, images);
    const Operand candidates = e.workspace(8 * step * classes * anchors), kept = e.workspace(8 * step * classes * per_class),
                  counts = e.workspace(4 * step * classes), places = e.workspace(4 * step * classes);
    for (int64_t first = 0; first < images; first += step) {
        const int64_t part = std::min(step, images - first);
        const shader::SuppressionParams params{uint32_t(first),
                                               uint32_t(part),
                                               uint32_t(anchors),
                                               uint32_t(classes),
                                               uint32_t(per_class),
                                               uint32_t(limit),
                                               float(e.attributes().real("score_threshold")),
                                               float(e.attributes().real("iou_threshold"))};
        Kernel each = group_kernel(e, "suppress_class", part * classes);
        each.operands = {e.input(0), e.input(1), candidates, kept.as(Access::write), counts.as(Access::write)};
        each.flops = 40 * double(part) * double(classes) * double(anchors); // some rounds; how many, the data says
        e.dispatch(std::move(each.params(params)));
        Kernel merge = group_kernel(e, "merge_classes", part);
        merge.operands = {e.input(0), kept.as(Access::read), counts.as(Access::read), places, e.output()};
        merge.flops = 4 * double(part) * double(classes) * double(limit);
        e.dispatch(std::move(merge.params(params)));
    }
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(detection_scores) {
    return {.name = "detection_scores",
            .summary = "The probability of every class c from logits x, whose column 0 is no class: softmax(x)_c, where column 0 is "
                       "the background; sigmoid(x_c); yolo: sigmoid(x_0) softmax(x_1 ...)_c, where column 0 says that there is "
                       "an object (Redmon and Farhadi, arXiv 1612.08242).",
            .inputs = {{"logits", "f32, any shape; the last axis are column 0 and the classes."}},
            .outputs = {{"scores", "f32, that shape with one column less."}},
            .attributes = {choice_attribute("kind", "softmax", {"softmax", "sigmoid", "yolo"}, "How.")},
            .infer =
                [](const Signature& s) {
                    s.require_type(0, DataType::f32, "logits");
                    s.require(s.input(0).rank() >= 1 && s.shape(0).back() >= 2, "the logits (", to_string(s.shape(0)),
                              ") need at least 2 columns.");
                    Shape shape = s.shape(0);
                    --shape.back();
                    return std::vector{TensorType{DataType::f32, std::move(shape)}};
                },
            .emit = emit_scores};
}

LEMNOS_DEFINE_OPERATOR(non_maximum_suppression) {
    return {.name = "non_maximum_suppression",
            .summary = "The objects of each image: of every class, by falling score, the boxes whose score is above score_threshold "
                       "and whose intersection over union with no box kept before is above iou_threshold, at most per_class; of "
                       "all classes those of the `limit` largest scores. Of equal scores the lower class and then the lower "
                       "anchor comes first.",
            .inputs = {{"boxes", "f32 [images, anchors, 4] = (top, left, bottom, right)."},
                       {"scores", "f32 [images, anchors, classes]; what is not a number is no object."}},
            .outputs = {{"objects", "f32 [images, limit, 6] = (class, score, top, left, bottom, right) by falling score, clipped to "
                                    "the image; beyond the last object the class is -1 and all else 0."}},
            .attributes = {real_attribute("score_threshold", 0.01, 0, 1, "Scores of objects are above it."),
                           real_attribute("iou_threshold", 0.45, 0, 1, "The largest overlap of two objects of a class."),
                           integer_attribute("per_class", 100, 1, 65536, "The most objects of a class."),
                           integer_attribute("limit", 100, 1, 65536, "The most objects of an image.")},
            .separable = true,
            .infer =
                [](const Signature& s) {
                    s.require_type(0, DataType::f32, "boxes");
                    s.require_type(1, DataType::f32, "scores");
                    s.require(s.input(0).rank() == 3 && s.shape(0)[2] == 4, "the boxes (", to_string(s.shape(0)),
                              ") are not [images, anchors, 4].");
                    s.require(s.input(1).rank() == 3 && s.shape(1)[0] == s.shape(0)[0] && s.shape(1)[1] == s.shape(0)[1], "the scores (",
                              to_string(s.shape(1)), ") are not [", s.shape(0)[0], ", ", s.shape(0)[1], ", classes].");
                    return std::vector{TensorType{DataType::f32, {s.shape(0)[0], s.attributes.integer("limit"), 6}}};
                },
            .emit = emit_suppression};
}
