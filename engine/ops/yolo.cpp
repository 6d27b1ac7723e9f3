// The region layer of YOLOv2 (Redmon and Farhadi, YOLO9000, arXiv 1612.08242), in the details as in darknet:
// which anchor predicts which box, and what the errors of all weigh.
#include "graph/graph.h"
#include "ops/detection.h"
#include "shaders/yolo_targets.h"

namespace lemnos {

static void emit_yolo_targets(Emitter& e) {
    constexpr uint32_t lanes = 64;
    const Attributes& attributes = e.attributes();
    const std::vector<int64_t>& cells = attributes.integers("cells");
    const int64_t images = e.output_type().shape[0], anchors = e.output_type().shape[1];
    const int64_t truths = e.input_type(2).shape[1], stride = 1 + 2 * truths + anchors;
    const auto real = [&](const char* name) { return float(attributes.real(name)); };
    const shader::YoloTargetsParams params{uint32_t(images),
                                           uint32_t(anchors),
                                           uint32_t(truths),
                                           uint32_t(stride),
                                           uint32_t(cells[0]),
                                           uint32_t(cells[1]),
                                           uint32_t(anchors / (cells[0] * cells[1])),
                                           real("threshold"),
                                           real("object"),
                                           real("no_object"),
                                           real("coordinates"),
                                           real("classes")};
    const Operand list = e.workspace(4 * images * stride);
    const auto dispatch = [&](Kernel kernel, std::vector<Operand> operands, int64_t items, double flops) {
        kernel.operands = std::move(operands);
        kernel.groups = linear_groups(e.profile(), items, lanes);
        kernel.flops = flops * double(items);
        e.dispatch(std::move(kernel.params(params)));
    };
    dispatch({.shader = "yolo_assign", .specialisation = {lanes}},
             {e.input(1), e.input(2), list.as(Access::write)}, images, 100 * double(truths));
    dispatch({.shader = "yolo_classes", .specialisation = {lanes}},
             {e.input(2), e.input(3), list, e.output(2), e.output(3)}, images * anchors, double(truths));
    dispatch({.shader = "yolo_targets", .specialisation = {lanes, e.has_input(4)}},
             {e.input(0), e.input(1), e.input(2), e.input(3), e.has_input(4) ? e.input(4) : e.none(),
              list.as(Access::read), e.output(0), e.output(1)},
             images * anchors, 20 * double(truths));
}

static std::vector<TensorType> infer_yolo_targets(const Signature& s) {
    require_anchors(s, 1);
    require_truth(s, 2);
    const std::vector<int64_t>& cells = s.attributes.integers("cells");
    const int64_t images = s.shape(2)[0], anchors = s.shape(1)[0];
    s.require(anchors % (cells[0] * cells[1]) == 0, "the anchors (", anchors, ") are no multiple of the ",
              cells[0], " x ", cells[1], " cells.");
    require_shape(s, 0, "boxes", DataType::f32, {images, anchors, 4});
    require_shape(s, 3, "weights", DataType::f32, {images});
    if (s.has(4)) require_shape(s, 4, "prior", DataType::f32, {1});
    const TensorType five{DataType::f32, {images, anchors, 5}}, one{DataType::f32, {images, anchors}};
    return {five, five, {DataType::i32, one.shape}, one};
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(yolo_targets) {
    return {
        .name = "yolo_targets",
        .summary =
            "What the anchors of YOLOv2 are to predict (Redmon and Farhadi, arXiv 1612.08242), so that the "
            "loss of image "
            "n is the sum of 0.5 * error_weights * (targets - (sigmoid(tx), sigmoid(ty), tw, th, "
            "sigmoid(objectness)))^2, and a loss of classes. A box is assigned to one anchor: of the cell of "
            "its centre "
            "the prior of the largest intersection over union, centre on centre, of equals the first; of two "
            "boxes of "
            "one anchor the later is taken. That anchor's targets are the centre's place inside the cell, "
            "log(w / aw), "
            "log(h / ah), sizes taken as at least 0.0001, with weight coordinates * (2 - w * h), and the "
            "intersection "
            "over union of the box that it predicts, with weight object. The other anchors' objectness has "
            "target 0 "
            "and weight no_object, or 0 where what they predict overlaps any box by more than the threshold; "
            "while prior "
            "is above 0, their coordinates have targets (1/2, 1/2, 0, 0) and weight prior. All weights are "
            "multiplied by weights_n. Boxes beyond the image belong to the nearest cell. Gradients end here.",
        .inputs = {{"boxes", "f32 [images, anchors, 4] = (tx, ty, tw, th), as the network predicts them."},
                   {"anchors",
                    "f32 [rows * columns * priors, 4] = (centre y, centre x, height, width), in the order "
                    "row, column, "
                    "prior; the centres are those of the cells.",
                    false, true},
                   {"truth", truth_help},
                   {"weights", "f32 [images]."},
                   {"prior", "f32 [1]; left out: 0.", true, true}},
        .outputs = {{"targets", "f32 [images, anchors, 5] = (tx, ty, tw, th, objectness)."},
                    {"error_weights", "f32 [images, anchors, 5]."},
                    {"labels", "i32 [images, anchors]: the class, 0 where no box is assigned."},
                    {"class_weights",
                     "f32 [images, anchors]: classes * weights_n, 0 where no box is assigned."}},
        .attributes = {required(integers_attribute("cells", {}, 2, 1, 65536, "Rows and columns of cells.")),
                       real_attribute("threshold", 0.6, 0, 1,
                                      "The intersection over union above which a prediction is no mistake."),
                       real_attribute("object", 5, 0, 1e6,
                                      "The weight of the objectness of an assigned anchor."),
                       real_attribute("no_object", 1, 0, 1e6, "That of the others."),
                       real_attribute("coordinates", 1, 0, 1e6, "The weight of the coordinates."),
                       real_attribute("classes", 1, 0, 1e6, "The weight of the class.")},
        .separable = true,
        .infer = infer_yolo_targets,
        .gradient = stop_gradient,
        .emit = emit_yolo_targets};
}
