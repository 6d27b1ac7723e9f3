// fold_batch_norm: a normalisation with given moments as part of the convolution before it.
#include "graph/graph.h"
#include "shaders/fold_batch_norm.h"

using namespace lemnos;

static constexpr uint32_t group_size = 64;
static constexpr int64_t rows_a_lane = 16; // of the filter; enough to be worth one square root

LEMNOS_DEFINE_OPERATOR(fold_batch_norm) {
    return {
        .name = "fold_batch_norm",
        .summary = "The filter and the bias of the one convolution that equals a convolution and batch_norm "
                   "after it: with "
                   "s = gamma / sqrt(variance + epsilon) they are filter * s and (bias - mean) * s + beta.",
        .inputs = {{"filter", "f32 [.., channels]: conv2d's filter or linear's w."},
                   {"gamma", "[channels]."},
                   {"beta", "[channels]."},
                   {"mean", "[channels]."},
                   {"variance", "[channels]."},
                   {"bias", "[channels]; left out: 0.", true}},
        .outputs = {{"folded_filter", "The shape of filter."}, {"folded_bias", "[channels]."}},
        .attributes = {real_attribute("epsilon", 1e-5, 0, 1e3, "Added to the variance.")},
        .internal = true,
        .infer =
            [](const Signature& s) {
                static constexpr const char* names[] = {"filter", "gamma",    "beta",
                                                        "mean",   "variance", "bias"};
                s.require_type(0, DataType::f32, "filter");
                s.require(s.input(0).rank() >= 1,
                          "the input filter is a scalar (its last axis is that of the channels).");
                const Shape channels{s.input(0).channels()};
                for (int i = 1; i < s.count(); ++i) {
                    if (!s.has(i)) continue;
                    s.require_type(i, DataType::f32, names[i]);
                    s.require(s.shape(i) == channels, "the input ", names[i], " (", to_string(s.input(i)),
                              ") does not have one value for each of the ", channels[0],
                              " channels of filter (", to_string(s.input(0)), ").");
                }
                return std::vector{s.input(0), TensorType{DataType::f32, channels}};
            },
        .emit =
            [](Emitter& e) {
                const TensorType filter = e.input_type(0);
                const int64_t channels = filter.channels(), rows = filter.elements() / channels;
                const bool biased = e.has_input(5);
                Kernel kernel{.shader = "fold_batch_norm", .specialisation = {group_size, biased}};
                kernel.operands = {e.input(0),  e.input(1), e.input(2),
                                   e.input(3),  e.input(4), biased ? e.input(5) : e.none(),
                                   e.output(0), e.output(1)};
                kernel.groups =
                    linear_groups(e.profile(), channels * divide_up(rows, rows_a_lane), group_size);
                e.dispatch(std::move(kernel.params(
                    shader::FoldBatchNormParams{uint32_t(channels), uint32_t(rows), uint32_t(rows_a_lane),
                                                float(e.attributes().real("epsilon"))})));
            },
    };
}
