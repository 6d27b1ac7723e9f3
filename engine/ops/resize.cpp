// Resizing of NHWC images. The taps are computed in integers (shaders/include/resize.glsl), so that they are
// exact.
#include "shaders/resize.h"
#include "graph/graph.h"
#include "ops/items.h"
#include "ops/quotient.h"

#include <algorithm>

namespace lemnos {

static constexpr int64_t largest_side = 16384; // products of two sides and 2 fit 31 bits

static std::vector<TensorType> infer_resize(const Signature& s) {
    s.require_rank(0, 4, "x");
    s.require_real(0, "x");
    const Shape& x = s.shape(0);
    s.require(x[1] <= largest_side && x[2] <= largest_side, "the input x (", to_string(s.input(0)),
              ") has a side above ", largest_side, ".");
    s.require(!s.attributes.boolean("align_corners") || s.attributes.choice("method") == "bilinear",
              "the attribute align_corners is for the method bilinear (", s.attributes.choice("method"),
              " was given).");
    return {{s.input(0).dtype, {x[0], s.attributes.integer("height"), s.attributes.integer("width"), x[3]}}};
}

// `lanes` is the side that the invocations stand on.
static void emit(Emitter& e, const char* shader, const Shape& x, const Shape& y, const Shape& lanes) {
    shader::ResizeParams params{};
    params.images = uint32_t(x[0]);
    params.channels = uint32_t(x[3]);
    params.height = uint32_t(x[1]);
    params.width = uint32_t(x[2]);
    params.out_height = uint32_t(y[1]);
    params.out_width = uint32_t(y[2]);
    params.grid_height = uint32_t(lanes[1]);
    params.grid_width = uint32_t(lanes[2]);
    set_divisor(divide_up(lanes[3], 4), params.column_multiplier, params.column_shift);
    set_divisor(lanes[2], params.width_multiplier, params.width_shift);
    set_divisor(lanes[1], params.height_multiplier, params.height_shift);
    const bool corners = e.attributes().boolean("align_corners");
    const auto unit = [corners](int64_t size) { return corners ? std::max<int64_t>(size - 1, 1) : 2 * size; };
    set_divisor(unit(y[1]), params.unit_y_multiplier, params.unit_y_shift);
    set_divisor(unit(y[2]), params.unit_x_multiplier, params.unit_x_shift);
    set_divisor(unit(x[1]), params.back_y_multiplier, params.back_y_shift);
    set_divisor(unit(x[2]), params.back_x_multiplier, params.back_x_shift);
    Kernel kernel{.shader = real_variant(shader, e.output_type().dtype), .operands = {e.input(0), e.output()}};
    kernel.specialisation = {64, x[3] % 4 == 0, e.attributes().choice("method") == "bilinear", corners};
    kernel.groups = linear_groups(e.profile(), lanes[0] * lanes[1] * lanes[2] * divide_up(lanes[3], 4), 64);
    kernel.flops = 8 * double(y[0] * y[1]) * double(y[2] * y[3]);
    e.dispatch(std::move(kernel.params(params)));
}

static std::vector<AttributeSpec> resize_attributes() {
    return {choice_attribute(
                "method", "nearest", {"nearest", "bilinear"},
                "nearest: the cell that holds the centre, as PyTorch's nearest-exact; bilinear: the mean of "
                "the cells around it, weighed by its distance from them."),
            required(integer_attribute("height", 1, 1, largest_side, "Of the result.")),
            required(integer_attribute("width", 1, 1, largest_side, "Of the result.")),
            boolean_attribute(
                "align_corners", false,
                "The centres of the corner cells coincide; otherwise the corners of the images do.")};
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(resize) {
    return {.name = "resize",
            .summary = "Images of another size. The centre of cell o of n lies at (o + 1/2) m / n - 1/2 of "
                       "the m cells of x, "
                       "or with align_corners at o (m - 1) / (n - 1); one outside moves to the border.",
            .inputs = {{"x", "[images, height, width, channels]."}},
            .attributes = resize_attributes(),
            .separable = true,
            .half = {0},
            .infer = infer_resize,
            .gradient =
                [](GradientBuilder& b) {
                    Attributes attributes = b.attributes();
                    attributes.set("shape", b.input_type(0).shape);
                    b.set(0, b.add("resize_gradient", {b.output_gradient()}, attributes));
                },
            .emit =
                [](Emitter& e) {
                    const Shape y = e.output_type().shape;
                    emit(e, "resize", e.input_type(0).shape, y, y);
                }};
}

LEMNOS_DEFINE_OPERATOR(resize_gradient) {
    std::vector<AttributeSpec> attributes = resize_attributes();
    attributes.push_back(required(integers_attribute("shape", {}, 4, 1, INT32_MAX, "Of the argument.")));
    return {.name = "resize_gradient",
            .summary = "The gradient of resize.",
            .inputs = {{"dy", "The result's gradient."}},
            .outputs = {{"dx", "The given shape."}},
            .attributes = std::move(attributes),
            .internal = true,
            .separable = true,
            .half = {0},
            .infer =
                [](const Signature& s) {
                    return std::vector{TensorType{s.input(0).dtype, s.attributes.integers("shape")}};
                },
            .emit =
                [](Emitter& e) {
                    const Shape x = e.output_type().shape;
                    emit(e, "resize_gradient", x, e.input_type(0).shape, x);
                }};
}
