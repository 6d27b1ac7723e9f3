// Boxes relative to anchors: how SSD (Liu et al., arXiv 1512.02325) and YOLOv2 (Redmon and Farhadi, arXiv
// 1612.08242) code them.
#include "graph/graph.h"
#include "ops/detection.h"
#include "shaders/encode_boxes.h"

namespace lemnos {

static AttributeSpec scales_attribute() {
    return reals_attribute("scales", {10, 10, 5, 5}, 4, "s0 to s3, of y, x, height and width.", 1e-6, 1e6);
}

static AttributeSpec x_first_attribute() {
    return boolean_attribute("x_first", false, "Whether the order is (tx, ty, tw, th).");
}

static AttributeSpec cells_attribute() {
    return integers_attribute("cells", {1, 1}, 2, 1, 65536, "Rows and columns of YOLO's cells.");
}

static void emit_coder(Emitter& e, Kernel kernel, int64_t anchors, int64_t truths) {
    const std::vector<double>& scales = e.attributes().reals("scales");
    const int64_t count = e.output_type().shape[0] * anchors;
    kernel.groups = linear_groups(e.profile(), count, 64);
    kernel.flops = 40 * double(count);
    shader::EncodeBoxesParams params{uint32_t(count),
                                     uint32_t(anchors),
                                     uint32_t(truths),
                                     float(scales[0]),
                                     float(scales[1]),
                                     float(scales[2]),
                                     float(scales[3]),
                                     1,
                                     1};
    if (e.attributes().contains("cells")) {
        params.rows = float(e.attributes().integers("cells")[0]);
        params.columns = float(e.attributes().integers("cells")[1]);
    }
    e.dispatch(std::move(kernel.params(params)));
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(encode_boxes) {
    return {.name = "encode_boxes",
            .summary = "What an anchor (ay, ax, ah, aw) is to predict of its box of centre (cy, cx) and size "
                       "(h, w), as SSD codes "
                       "it (Liu et al., arXiv 1512.02325): ty = s0 (cy - ay) / ah, tx = s1 (cx - ax) / aw, "
                       "th = s2 log(h / ah), "
                       "tw = s3 log(w / aw), all sizes taken as at least 0.0001, and its class + 1; zeros "
                       "and label 0 where it has "
                       "no box. Gradients end here.",
            .inputs = {{"anchors", anchors_help, false, true},
                       {"truth", truth_help},
                       {"match", "i32 [images, anchors], of match_anchors; an index of no box is no match."}},
            .outputs = {{"targets", "f32 [images, anchors, 4] = (ty, tx, th, tw)."},
                        {"labels", "i32 [images, anchors]: 0 for background, c + 1 for class c."}},
            .attributes = {scales_attribute(), x_first_attribute()},
            .separable = true,
            .infer =
                [](const Signature& s) {
                    require_anchors(s, 0);
                    require_truth(s, 1);
                    const int64_t images = s.shape(1)[0], anchors = s.shape(0)[0];
                    require_shape(s, 2, "match", DataType::i32, {images, anchors});
                    return std::vector{TensorType{DataType::f32, {images, anchors, 4}}, s.input(2)};
                },
            .gradient = stop_gradient,
            .emit =
                [](Emitter& e) {
                    Kernel kernel{.shader = "encode_boxes",
                                  .specialisation = {64, e.attributes().boolean("x_first")}};
                    kernel.operands = {e.input(0), e.input(1), e.input(2), e.output(0), e.output(1)};
                    emit_coder(e, std::move(kernel), e.input_type(0).shape[0], e.input_type(1).shape[1]);
                }};
}

LEMNOS_DEFINE_OPERATOR(decode_boxes) {
    return {
        .name = "decode_boxes",
        .summary = "The boxes that predictions (ty, tx, th, tw) for anchors (ay, ax, ah, aw) mean: centre cy "
                   "= ay + ah ty / s0, "
                   "cx = ax + aw tx / s1, size h = ah exp(th / s2), w = aw exp(tw / s3) by SSD's coder (Liu "
                   "et al., arXiv "
                   "1512.02325); cy = ay + (sigmoid(ty) - 1/2) / rows, cx = ax + (sigmoid(tx) - 1/2) / "
                   "columns, h = ah exp(th), "
                   "w = aw exp(tw) by YOLO's (Redmon and Farhadi, arXiv 1612.08242), where anchors lie in "
                   "the middle of "
                   "cells. What exp is taken of is at most 10. Boxes are not clipped to the image.",
        .inputs = {{"boxes", "f32 [images, anchors, 4]."}, {"anchors", anchors_help, false, true}},
        .outputs = {{"y",
                     "f32 [images, anchors, 4] = (top, left, bottom, right), in fractions of the image."}},
        .attributes = {choice_attribute("coder", "ssd", {"ssd", "yolo"},
                                        "Whose coder; YOLO's knows no scales."),
                       scales_attribute(), x_first_attribute(), cells_attribute()},
        .separable = true,
        .infer =
            [](const Signature& s) {
                require_anchors(s, 1);
                s.require_type(0, DataType::f32, "boxes");
                s.require(s.input(0).rank() == 3 && s.shape(0)[1] == s.shape(1)[0] && s.shape(0)[2] == 4,
                          "the boxes (", to_string(s.shape(0)), ") are not [images, ", s.shape(1)[0],
                          ", 4].");
                return std::vector{s.input(0)};
            },
        .emit =
            [](Emitter& e) {
                Kernel kernel{.shader = "decode_boxes",
                              .specialisation = {64, e.attributes().boolean("x_first"),
                                                 e.attributes().choice("coder") == "yolo"}};
                kernel.operands = {e.input(0), e.input(1), e.output()};
                emit_coder(e, std::move(kernel), e.input_type(1).shape[0], 1);
            }};
}
