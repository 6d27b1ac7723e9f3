// fold_batch_norm: a normalisation with given moments as part of the convolution before it.
#include "graph/graph.h"
#include "shaders/fold_batch_norm.h"

using namespace lemnos;

static constexpr uint32_t group_size = 64;
static constexpr int64_t rows_a_lane = 16; // of the filter; enough to be worth one square root

namespace {

struct Range {
    int64_t first, count;
};
// of: channel or input.
Range range_of(const Signature& s, const std::string& of, int64_t extent) {
    const std::vector<int64_t>& given = s.attributes.integers(of + "s");
    s.require(given[0] < extent, "the first ", of, " (", given[0], ") is not of the ", extent, " of filter.");
    const int64_t count = given[1] ? given[1] : extent - given[0];
    s.require(count <= extent - given[0], "the ", of, "s ", given[0], " to ", given[0] + count - 1, " are not of the ", extent,
              " of filter.");
    return {given[0], count};
}

} // namespace

LEMNOS_DEFINE_OPERATOR(fold_batch_norm) {
    return {
        .name = "fold_batch_norm",
        .summary = "The filter and the bias of the one convolution that equals a convolution and batch_norm "
                   "after it: with "
                   "s = gamma / sqrt(variance + epsilon) they are filter * s and (bias - mean) * s + beta. Or a part of "
                   "them: a range of the channels, and one of what they are sums over.",
        .inputs = {{"filter", "f32 [.., channels]: conv2d's filter or linear's w."},
                   {"gamma", "[channels]."},
                   {"beta", "[channels]."},
                   {"mean", "[channels]."},
                   {"variance", "[channels]."},
                   {"bias", "[channels]; left out: 0.", true}},
        .outputs = {{"folded_filter", "The part of filter."}, {"folded_bias", "The part of the channels."}},
        .attributes = {real_attribute("epsilon", 1e-5, 0, 1e3, "Added to the variance."),
                       integers_attribute("channels", {0, 0}, 2, 0, INT32_MAX,
                                          "The first channel and how many; 0: those that follow."),
                       integers_attribute("inputs", {0, 0}, 2, 0, INT32_MAX,
                                          "The same of the filter's axis before the last, where all axes before it are 1.")},
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
                TensorType part = s.input(0);
                const Range range = range_of(s, "channel", channels[0]);
                part.shape.back() = range.count;
                const int64_t inputs = part.rank() >= 2 ? part.shape[part.shape.size() - 2] : 1;
                const Range rows = range_of(s, "input", inputs);
                s.require(rows.count == inputs || s.input(0).elements() == inputs * channels[0], "a filter (",
                          to_string(s.input(0)), ") of more than one tap has no range of inputs.");
                if (part.rank() >= 2) part.shape[part.shape.size() - 2] = rows.count;
                return std::vector{part, TensorType{DataType::f32, {range.count}}};
            },
        .emit =
            [](Emitter& e) {
                const TensorType part = e.output_type();
                const int64_t channels = part.channels(), rows = part.elements() / channels;
                const bool biased = e.has_input(5);
                Kernel kernel{.shader = "fold_batch_norm", .specialisation = {group_size, biased}};
                kernel.operands = {e.input(0),  e.input(1), e.input(2),
                                   e.input(3),  e.input(4), biased ? e.input(5) : e.none(),
                                   e.output(0), e.output(1)};
                kernel.groups =
                    linear_groups(e.profile(), channels * divide_up(rows, rows_a_lane), group_size);
                e.dispatch(std::move(kernel.params(
                    shader::FoldBatchNormParams{uint32_t(channels), uint32_t(rows), uint32_t(rows_a_lane),
                                                uint32_t(e.attributes().integers("channels")[0]),
                                                uint32_t(e.attributes().integers("inputs")[0]),
                                                uint32_t(e.input_type(0).channels()),
                                                float(e.attributes().real("epsilon"))})));
            },
    };
}
