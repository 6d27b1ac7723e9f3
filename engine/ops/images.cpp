// prepare_images: from the bytes of a data set to what a network reads, on the device.
#include "graph/graph.h"
#include "shaders/prepare_images.h"

#include <cmath>

namespace lemnos {

static constexpr size_t most_channels = 8;

static void check_statistics(const Signature& s, const char* name, double least) {
    const std::vector<double>& values = s.attributes.reals(name);
    s.require(values.empty() || int64_t(values.size()) == s.shape(0)[3], "the attribute ", name, " has ",
              values.size(), " numbers (one for each of the ", s.shape(0)[3], " channels, or none).");
    for (double value : values)
        s.require(std::isfinite(value) && value > least, "the attribute ", name, " holds ", value,
                  std::isfinite(least) ? " (above 0 is needed)." : " (a finite number is needed).");
}

static std::vector<TensorType> infer_prepare(const Signature& s) {
    s.require_rank(0, 4, "pixels");
    s.require_type(0, DataType::u8, "pixels");
    const Shape& shape = s.shape(0);
    s.require(shape[3] <= int64_t(most_channels), "the input pixels (", to_string(s.input(0)), ") has ",
              shape[3], " channels (at most ", most_channels, ").");
    s.require(s.input(1) == TensorType{DataType::i32, {shape[0]}}, "the input sample_index (",
              to_string(s.input(1)), ") does not have one i32 for each of the ", shape[0], " images.");
    s.require(s.input(2) == TensorType{DataType::i32, {4}}, "the input step (", to_string(s.input(2)),
              ") is not i32 4.");
    check_statistics(s, "mean", -HUGE_VAL);
    check_statistics(s, "deviation", 0);
    const int64_t padding = s.attributes.integer("crop_padding");
    if (s.attributes.choice("pad_mode") == "reflect")
        s.require(padding < shape[1] && padding < shape[2], "the attribute crop_padding (", padding,
                  ") must be smaller than the images (", shape[1], " x ", shape[2], ") to reflect them.");
    return {{DataType::f32, shape}};
}

static void emit_prepare(Emitter& e) {
    const Attributes& attributes = e.attributes();
    const TensorType type = e.output_type();
    const std::vector<double>&mean = attributes.reals("mean"), &deviation = attributes.reals("deviation");
    shader::PrepareImagesParams params{};
    params.images = uint32_t(type.shape[0]);
    params.height = uint32_t(type.shape[1]);
    params.width = uint32_t(type.shape[2]);
    params.padding = uint32_t(attributes.integer("crop_padding"));
    const uint32_t channels = uint32_t(type.shape[3]), numbers = params.width * channels;
    for (size_t c = 0; c < channels; ++c) {
        const double m = mean.empty() ? 0 : mean[c], d = deviation.empty() ? 1 : deviation[c];
        params.scale[c] = float(1 / (255 * d));
        params.offset[c] = float(-m / d);
    }
    // On a CPU a lane keeps its random numbers for a long run; on a GPU neighbours write neighbouring memory.
    const uint32_t quads = uint32_t(divide_up(numbers, 4));
    params.row_lanes = e.profile().is_cpu ? uint32_t(divide_up(quads, 16)) : quads;
    Kernel kernel{.shader = "prepare_images",
                  .specialisation = {64, channels, numbers % 4 == 0, params.padding > 0,
                                     attributes.boolean("flip"), attributes.choice("pad_mode") == "reflect"}};
    kernel.operands = {e.input(0), e.input(1), e.input(2), e.output()};
    kernel.groups = linear_groups(e.profile(), int64_t(params.images) * params.height * params.row_lanes, 64);
    kernel.flops = double(type.elements()) * 8;
    e.dispatch(std::move(kernel.params(params)));
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(prepare_images) {
    return {
        .name = "prepare_images",
        .summary = "y = (pixels / 255 - mean) / deviation. With crop_padding p the image moves by a whole "
                   "number of pixels from -p "
                   "to p on each axis, and with flip it is mirrored left to right with probability 1/2. Both "
                   "are functions of "
                   "Philox4x32-10 with the key {step[0], step[1]} (the seed) and the counter {sample_index, "
                   "step[2] (the epoch), "
                   "1 for crop or 2 for flip, 0}: the crop begins at row random_below(words 0 and 1, 2p + 1) "
                   "and column "
                   "random_below(words 2 and 3, 2p + 1) of the padded image; it is flipped if word 0 is at "
                   "least 2^31.",
        .inputs = {{"pixels", "u8 [images, height, width, channels]; at most 8 channels."},
                   {"sample_index", "i32 [images]: each image's number in the data set."},
                   {"step", "i32 [4]: the seed's low and high word, the epoch, and a word that is not used.",
                    false, true}},
        .outputs = {{"y", "f32, the shape of pixels."}},
        .attributes = {reals_attribute("mean", {}, -1, "Of each channel, of pixels / 255; empty: 0."),
                       reals_attribute("deviation", {}, -1, "Of each channel, of pixels / 255; empty: 1."),
                       integer_attribute("crop_padding", 0, 0, 64,
                                         "How far the crop may move, in pixels; 0: no crop."),
                       choice_attribute(
                           "pad_mode", "zero", {"zero", "reflect"},
                           "What lies outside the image: 0 after normalisation (the mean), or its mirror "
                           "image without the border pixel itself."),
                       boolean_attribute("flip", false, "Mirror half of the images.")},
        .separable = true,
        .infer = infer_prepare,
        .emit = emit_prepare};
}
