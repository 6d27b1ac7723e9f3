// Which true box each anchor is to predict, and which anchors count in the loss: SSD (Liu et al., arXiv
// 1512.02325), in the details as its Caffe code.
#include "graph/graph.h"
#include "ops/detection.h"
#include "shaders/match_anchors.h"
#include "shaders/multibox_weights.h"

namespace lemnos {

static void emit_match(Emitter& e) {
    const int64_t images = e.output_type().shape[0], anchors = e.output_type().shape[1];
    const int64_t truths = e.input_type(1).shape[1];
    const shader::MatchAnchorsParams params{uint32_t(images), uint32_t(anchors), uint32_t(truths),
                                            uint32_t(truths + 1), float(e.attributes().real("threshold"))};
    const Operand list = e.workspace(4 * images * (truths + 1)), best = e.workspace(8 * images * truths);
    Kernel lists{.shader = "valid_truths", .specialisation = {64}};
    lists.operands = {e.input(1), list.as(Access::write)};
    lists.groups = linear_groups(e.profile(), images, 64);
    lists.flops = double(images * truths);
    e.dispatch(std::move(lists.params(params)));

    const Operand listed = list.as(Access::read);
    Kernel each = group_kernel(e, "match_anchors", images * divide_up(anchors, group_lanes(e.profile())));
    each.operands = {e.input(0), e.input(1), listed, e.output()};
    each.flops = 20 * double(images) * double(anchors) * double(truths);
    Kernel truth = group_kernel(e, "match_truths", images * truths);
    truth.operands = {e.input(0), e.input(1), listed, best.as(Access::write)};
    truth.flops = each.flops;
    e.dispatch(std::move(each.params(params)));
    e.dispatch(std::move(truth.params(params)));

    Kernel pairs = group_kernel(e, "match_pairs", images);
    pairs.operands = {e.input(0), e.input(1), listed, best, e.output().as(Access::read_write)};
    pairs.flops = double(images) * double(anchors) * double(truths);
    e.dispatch(std::move(pairs.params(params)));
}

static void emit_multibox_weights(Emitter& e) {
    const Shape shape = e.input_type(0).shape;
    Kernel kernel = group_kernel(e, "multibox_weights", shape[0]);
    kernel.operands = {e.input(0), e.input(1), e.input(2), e.output(0), e.output(1)};
    kernel.flops = 20 * double(shape[0]) * double(shape[1]);
    e.dispatch(std::move(kernel.params(shader::MultiboxWeightsParams{
        uint32_t(shape[0]), uint32_t(shape[1]), uint32_t(e.attributes().integer("least_negatives")),
        float(e.attributes().real("negatives_per_positive"))})));
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(match_anchors) {
    return {.name = "match_anchors",
            .summary = "The true box of each anchor (SSD, Liu et al., arXiv 1512.02325): that of the largest "
                       "intersection "
                       "over union, where it reaches the threshold, of equals the first. Then every box gets "
                       "an anchor of "
                       "its own, as long as there are any, whatever that anchor had: again and again the "
                       "pair of largest "
                       "intersection over union among the boxes and anchors that are left, even where that "
                       "is 0, of equals "
                       "the first box and then the first anchor. Gradients end here.",
            .inputs = {{"anchors", anchors_help, false, true}, {"truth", truth_help}},
            .outputs = {{"match", "i32 [images, anchors]: the index of the box, -1 where there is none."}},
            .attributes = {real_attribute("threshold", 0.5, 0, 1,
                                          "The least intersection over union of a match.")},
            .separable = true,
            .infer =
                [](const Signature& s) {
                    require_anchors(s, 0);
                    require_truth(s, 1);
                    return std::vector{TensorType{DataType::i32, {s.shape(1)[0], s.shape(0)[0]}}};
                },
            .gradient = stop_gradient,
            .emit = emit_match};
}

LEMNOS_DEFINE_OPERATOR(multibox_weights) {
    return {
        .name = "multibox_weights",
        .summary =
            "How much each anchor counts in SSD's loss (Liu et al., arXiv 1512.02325): weights_n / max(1, p) "
            "for "
            "the p matched anchors of image n, and in the loss of classes also for its hard negatives, the "
            "max(least_negatives, floor(negatives_per_positive * p)) unmatched anchors, or as many as there "
            "are, of the largest losses; 0 for all others. Of equal losses the first anchors count; NaN is "
            "the "
            "largest of all. Gradients end here.",
        .inputs =
            {{"losses", "f32 [images, anchors]: the loss of the class of each anchor."},
             {"match",
              "i32 [images, anchors], of match_anchors; an anchor is matched where it is not negative."},
             {"weights", "f32 [images]."}},
        .outputs = {{"class_weights", "f32 [images, anchors]."}, {"box_weights", "f32 [images, anchors]."}},
        .attributes =
            {real_attribute(
                 "negatives_per_positive", 3, 0, 1e9,
                 "Hard negatives for each matched anchor; 0 means that all unmatched anchors count."),
             integer_attribute("least_negatives", 3, 0, INT32_MAX,
                               "Hard negatives of an image with few matched anchors.")},
        .separable = true,
        .infer =
            [](const Signature& s) {
                s.require_type(0, DataType::f32, "losses");
                s.require(s.input(0).rank() == 2, "the losses (", to_string(s.shape(0)),
                          ") are not [images, anchors].");
                require_shape(s, 1, "match", DataType::i32, s.shape(0));
                require_shape(s, 2, "weights", DataType::f32, {s.shape(0)[0]});
                return std::vector{s.input(0), s.input(0)};
            },
        .gradient = stop_gradient,
        .emit = emit_multibox_weights};
}
