// What YOLOv2 is to predict (Redmon and Farhadi, arXiv 1612.08242; the semantics of Darknet's region layer).
#include "graph/graph.h"
#include "ops/detection.h"
#include "shaders/yolo_targets.h"

namespace lemnos {

static void emit_yolo_targets(Emitter& e) {
    const Shape boxes = e.input_type(0).shape;
    const std::vector<int64_t>& cells = e.attributes().integers("cells");
    const auto number = [&](const char* name) { return float(e.attributes().real(name)); };
    const shader::YoloTargetsParams params{uint32_t(boxes[0]),
                                           uint32_t(boxes[1]),
                                           uint32_t(e.input_type(2).shape[1]),
                                           uint32_t(cells[0]),
                                           uint32_t(cells[1]),
                                           number("threshold"),
                                           number("object"),
                                           number("no_object"),
                                           number("coordinates"),
                                           number("classes")};
    const bool prior = e.has_input(4);
    Kernel all{.shader = "yolo_targets", .specialisation = {64, prior}};
    all.operands = {e.input(0), e.input(1), e.input(2), e.input(3), prior ? e.input(4) : e.none(),
                    e.output(0), e.output(1), e.output(2), e.output(3)};
    all.groups = linear_groups(e.profile(), boxes[0] * boxes[1], 64);
    all.flops = 30 * double(boxes[0]) * double(boxes[1]) * double(params.truths);
    e.dispatch(std::move(all.params(params)));
    Kernel assign{.shader = "yolo_assign", .specialisation = {64}};
    assign.operands = {e.input(0), e.input(1), e.input(2), e.input(3), e.output(0), e.output(1), e.output(2), e.output(3)};
    assign.groups = linear_groups(e.profile(), boxes[0], 64);
    assign.flops = 100 * double(boxes[0]) * double(params.truths);
    e.dispatch(std::move(assign.params(params)));
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(yolo_targets) {
    return {
        .name = "yolo_targets",
        .summary = "What YOLOv2's loss (Redmon and Farhadi, arXiv 1612.08242) asks of each anchor; the loss is the sum of 0.5 w (target - "
                   "prediction)^2 over the predictions (sigmoid(tx), sigmoid(ty), tw, th, sigmoid(objectness)), and class_weight times "
                   "the cross-entropy of the classes. A box belongs to the prior of the most similar shape in the cell of its "
                   "centre: its place in the cell and the logarithm of its size relative to the prior with the weight "
                   "coordinates (2 - w h), its overlap with what was predicted as objectness with the weight object. An anchor "
                   "without a box is to have no object, with the weight no_object, unless its prediction overlaps some box more "
                   "than the threshold; and, while prior is above 0, to predict itself, with that weight. Gradients end here.",
        .inputs = {{"boxes", "f32 [images, anchors, 4] = (tx, ty, tw, th): anchors by row, column and prior."},
                   {"anchors", anchors_help, false, true},
                   {"truth", truth_help},
                   {"weights", "f32 [images]: how much each image counts."},
                   {"prior", "f32 [1]: how much anchors without a box are pulled to themselves; left out: 0.", true, true}},
        .outputs = {{"targets", "f32 [images, anchors, 5]."},
                    {"error_weights", "f32 [images, anchors, 5]."},
                    {"labels", "i32 [images, anchors]: the class, 0 where there is no box."},
                    {"class_weights", "f32 [images, anchors]."}},
        .attributes = {required(integers_attribute("cells", {}, 2, 1, 65536, "Rows and columns of cells.")),
                       real_attribute("threshold", 0.6, 0, 1, "The overlap above which an anchor without a box may see an object."),
                       real_attribute("object", 5, 0, 1e6, "The weight of objectness where there is a box."),
                       real_attribute("no_object", 1, 0, 1e6, "And where there is none."),
                       real_attribute("coordinates", 1, 0, 1e6, "The weight of places and sizes."),
                       real_attribute("classes", 1, 0, 1e6, "The weight of classes.")},
        .separable = true,
        .infer =
            [](const Signature& s) {
                require_anchors(s, 1);
                require_truth(s, 2);
                const int64_t images = s.shape(2)[0], anchors = s.shape(1)[0];
                require_shape(s, 0, "boxes", DataType::f32, {images, anchors, 4});
                require_shape(s, 3, "weights", DataType::f32, {images});
                if (s.has(4)) require_shape(s, 4, "prior", DataType::f32, {1});
                const std::vector<int64_t>& cells = s.attributes.integers("cells");
                s.require(anchors % (cells[0] * cells[1]) == 0, "the anchors (", anchors, ") are not the same number in each of ", cells[0], " x ",
                          cells[1], " cells.");
                return std::vector{TensorType{DataType::f32, {images, anchors, 5}}, TensorType{DataType::f32, {images, anchors, 5}},
                                   TensorType{DataType::i32, {images, anchors}}, TensorType{DataType::f32, {images, anchors}}};
            },
        .gradient = stop_gradient,
        .emit = emit_yolo_targets};
}
