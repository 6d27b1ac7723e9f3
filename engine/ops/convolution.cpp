// conv2d and linear with their gradients: what they mean. How they are computed is in convolution_menu.h.
#include "ops/convolution.h"

#include "graph/graph.h"
#include "ops/activation.h"

#include <algorithm>

namespace lemnos {

static constexpr int64_t largest_extent = 4096; // of kernels, strides, dilations and paddings

static std::vector<AttributeSpec> geometry_attributes() {
    return {integers_attribute("stride", {1, 1}, 2, 1, largest_extent, "Rows and columns between windows."),
            integers_attribute("padding", {0, 0, 0, 0}, 4, 0, largest_extent, "Zeros at the top, bottom, left and right."),
            boolean_attribute("same", false,
                              "TensorFlow's SAME instead of padding: ceil(size / stride) results, the odd zero below and "
                              "to the right."),
            integers_attribute("dilation", {1, 1}, 2, 1, largest_extent, "Rows and columns between filter taps."),
            integer_attribute("groups", 1, 1, INT32_MAX, "Groups of channels that do not see each other.")};
}

static std::vector<AttributeSpec> with(std::vector<AttributeSpec> specs, AttributeSpec last) {
    specs.push_back(std::move(last));
    return specs;
}

struct Extent {
    int64_t before, out;
};

// Along one axis: zeros before the first element, and results.
static Extent extent_along(const Attributes& attributes, int axis, int64_t in, int64_t kernel) {
    const int64_t stride = attributes.integers("stride")[size_t(axis)];
    const int64_t window = (kernel - 1) * attributes.integers("dilation")[size_t(axis)] + 1;
    if (attributes.boolean("same")) {
        const int64_t out = divide_up(in, stride);
        return {std::max<int64_t>((out - 1) * stride + window - in, 0) / 2, out};
    }
    const std::vector<int64_t>& padding = attributes.integers("padding");
    const int64_t before = padding[size_t(2 * axis)], room = in + before + padding[size_t(2 * axis + 1)] - window;
    return {before, room < 0 ? 0 : room / stride + 1};
}

ConvolutionShape convolution_shape(const TensorType& x, const TensorType& filter, const TensorType& y,
                                   const Attributes& attributes) {
    const auto& stride = attributes.integers("stride");
    const auto& dilation = attributes.integers("dilation");
    return {.batch = x.shape[0],
            .in_height = x.shape[1],
            .in_width = x.shape[2],
            .in_channels = x.shape[3],
            .out_height = y.shape[1],
            .out_width = y.shape[2],
            .out_channels = y.shape[3],
            .kernel_height = filter.shape[0],
            .kernel_width = filter.shape[1],
            .stride_y = stride[0],
            .stride_x = stride[1],
            .dilation_y = dilation[0],
            .dilation_x = dilation[1],
            .pad_top = extent_along(attributes, 0, x.shape[1], filter.shape[0]).before,
            .pad_left = extent_along(attributes, 1, x.shape[2], filter.shape[1]).before,
            .groups = attributes.integer("groups")};
}

// x or dy, and the filter.
static void require_types(const Signature& s, const char* first, const char* filter) {
    s.require_real(0, first);
    s.require_type(1, DataType::f32, filter);
}

static TensorType infer_result(const Signature& s) {
    s.require_rank(0, 4, "x");
    s.require_rank(1, 4, "filter");
    const Shape &x = s.shape(0), &filter = s.shape(1);
    const int64_t groups = s.attributes.integer("groups");
    s.require(x[3] % groups == 0 && filter[3] % groups == 0, groups, " groups do not divide ", x[3], " channels in and ",
              filter[3], " channels out.");
    s.require(filter[2] == x[3] / groups, "the filter (", to_string(filter), ", which is kernel height x kernel width x "
              "channels in / groups x channels out) has ", filter[2], " channels in (", x[3] / groups, " are needed for x, ",
              to_string(x), ").");
    const Extent y = extent_along(s.attributes, 0, x[1], filter[0]), across = extent_along(s.attributes, 1, x[2], filter[1]);
    s.require(y.out >= 1 && across.out >= 1, "the filter (", to_string(filter), ") does not fit into x (", to_string(x),
              ") with this padding and dilation.");
    return {s.input(0).dtype, {x[0], y.out, across.out, filter[3]}};
}

static void require_bias(const Signature& s, int64_t channels) {
    if (!s.has(2)) return;
    s.require_type(2, DataType::f32, "bias");
    s.require(s.shape(2) == Shape{channels}, "the input bias (", to_string(s.input(2)), ") does not have one value per channel out (",
              channels, ").");
}

bool is_by_channel(const Attributes& attributes, const TensorType& x) {
    const int64_t groups = attributes.integer("groups");
    return groups > 1 && groups == x.channels();
}

// Input i, which is added to the result; x, or its gradient, has the channels in.
static void require_residual(const Signature& s, int i, const TensorType& x, const TensorType& result) {
    if (!s.has(i)) return;
    s.require(s.input(i) == result, "the input residual (", to_string(s.input(i)), ") is not of the result's type and shape (",
              to_string(result), ").");
    s.require(!is_by_channel(s.attributes, x), "a convolution of each channel by itself (", s.attributes.integer("groups"),
              " groups) takes no residual.");
}

static Attributes geometry_of(const Attributes& attributes) {
    Attributes geometry;
    for (const AttributeSpec& spec : geometry_attributes()) geometry.set(spec.name, attributes.all().at(spec.name));
    return geometry;
}

// Of a smaller tensor, which stays in the caches, a sum of its own costs less than to compile the kernel that adds it.
static constexpr int64_t least_residual_bytes = int64_t(1) << 20;

static void gradient_of_convolution(GradientBuilder& b) {
    const Value dy = gradient_through_activation(b, b.attributes().choice("activation"), b.output(), b.output_gradient());
    const Attributes geometry = geometry_of(b.attributes());
    if (b.needs(0)) {
        Attributes attributes = geometry;
        attributes.set("size", std::vector<int64_t>{b.input_type(0).shape[1], b.input_type(0).shape[2]});
        std::vector<Value> inputs{dy, b.input(1)};
        if (b.input_type(0).bytes() >= least_residual_bytes && !is_by_channel(geometry, b.input_type(0)))
            if (const Value others = b.take_gradient(0)) inputs.push_back(others);
        b.set(0, b.add("conv2d_input_gradient", std::move(inputs), attributes));
    }
    if (b.needs(1)) {
        Attributes attributes = geometry;
        attributes.set("kernel", std::vector<int64_t>{b.input_type(1).shape[0], b.input_type(1).shape[1]});
        b.set(1, b.add("conv2d_filter_gradient", {b.input(0), dy}, attributes));
    }
    if (b.needs(2)) b.set(2, b.add("sum", {dy}, {{"axes", std::vector<int64_t>{0, 1, 2}}}));
    if (b.needs(3)) b.set(3, dy);
}

// A matrix product is a convolution of one pixel.
static TensorType as_image(const TensorType& matrix) {
    return {matrix.dtype, {matrix.elements() / matrix.channels(), 1, 1, matrix.channels()}};
}
static TensorType as_filter(const TensorType& matrix) { return {matrix.dtype, {1, 1, matrix.shape[0], matrix.shape[1]}}; }

static Attributes pointwise_geometry() {
    Attributes attributes;
    attributes.complete(geometry_attributes(), "linear");
    return attributes;
}

static void gradient_of_linear(GradientBuilder& b) {
    const Value dy = gradient_through_activation(b, b.attributes().choice("activation"), b.output(), b.output_gradient());
    const auto reshaped = [&](Value value, const Shape& shape) { return b.add("reshape", {value}, {{"shape", shape}}); };
    const Value image_dy = reshaped(dy, as_image(b.output_type()).shape);
    if (b.needs(0)) {
        const Value filter = reshaped(b.input(1), as_filter(b.input_type(1)).shape);
        const Value dx = b.add("conv2d_input_gradient", {image_dy, filter}, {{"size", std::vector<int64_t>{1, 1}}});
        b.set(0, reshaped(dx, b.input_type(0).shape));
    }
    if (b.needs(1)) {
        const Value image = reshaped(b.input(0), as_image(b.input_type(0)).shape);
        const Value dw = b.add("conv2d_filter_gradient", {image, image_dy}, {{"kernel", std::vector<int64_t>{1, 1}}});
        b.set(1, reshaped(dw, b.input_type(1).shape));
    }
    if (b.needs(2)) {
        std::vector<int64_t> axes;
        for (int axis = 0; axis + 1 < b.output_type().rank(); ++axis) axes.push_back(axis);
        b.set(2, b.add("sum", {dy}, {{"axes", axes}}));
    }
}

static Operand optional_input(const Emitter& e, int i) { return e.has_input(i) ? e.input(i) : Operand{}; }

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(conv2d) {
    return {
        .name = "conv2d",
        .summary = "y = activation(convolution of x + bias + residual): two-dimensional cross-correlation with stride, padding, "
                   "dilation and groups.",
        .inputs = {{"x", "f32 or f16 [batch, height, width, channels]."},
                   {"filter", "f32 [kernel height, kernel width, channels / groups, channels out].", false, true},
                   {"bias", "f32 [channels out].", true, true},
                   {"residual", "Of the result's type and shape: added before the activation. Not for depthwise convolutions.", true}},
        .attributes = with(geometry_attributes(), activation_attribute()),
        .separable = true,
        .in_place = 3,
        .half = {0, 3},
        .infer =
            [](const Signature& s) {
                require_types(s, "x", "filter");
                const TensorType y = infer_result(s);
                require_bias(s, y.channels());
                require_residual(s, 3, s.input(0), y);
                return std::vector{y};
            },
        .gradient = gradient_of_convolution,
        .emit =
            [](Emitter& e) {
                emit_convolution(e, convolution_shape(e.input_type(0), e.input_type(1), e.output_type(), e.attributes()),
                                 {e.input(0), e.input(1), optional_input(e, 2), e.output(), optional_input(e, 3)},
                                 e.attributes().choice("activation"));
            },
    };
}

LEMNOS_DEFINE_OPERATOR(conv2d_input_gradient) {
    return {
        .name = "conv2d_input_gradient",
        .summary = "The gradient of conv2d with respect to x; also a transposed convolution. The residual is added to it.",
        .inputs = {{"dy", "f32 or f16 [batch, height, width, channels out]: the result's gradient."},
                   {"filter", "conv2d's filter.", false, true},
                   {"residual", "Of the gradient's type and shape: what other users of x give. Not for depthwise convolutions.", true}},
        .outputs = {{"dx", "The gradient of conv2d's x."}},
        .attributes = with(geometry_attributes(),
                           required(integers_attribute("size", {}, 2, 1, INT32_MAX, "Height and width of conv2d's x."))),
        .internal = true,
        .separable = true,
        .in_place = 2,
        .half = {0, 2},
        .infer =
            [](const Signature& s) {
                require_types(s, "dy", "filter");
                s.require_rank(0, 4, "dy");
                s.require_rank(1, 4, "filter");
                const auto& size = s.attributes.integers("size");
                const TensorType dx{s.input(0).dtype,
                                    {s.shape(0)[0], size[0], size[1], s.shape(1)[2] * s.attributes.integer("groups")}};
                const Signature forward{"conv2d", {dx, s.input(1)}, s.attributes};
                const TensorType y = infer_result(forward);
                s.require(y.shape == s.shape(0), "the input dy (", to_string(s.input(0)), ") is not of the result's shape (",
                          to_string(y), ").");
                require_residual(s, 2, dx, dx);
                return std::vector{dx};
            },
        .emit =
            [](Emitter& e) {
                emit_input_gradient(e, convolution_shape(e.output_type(), e.input_type(1), e.input_type(0), e.attributes()),
                                    {.x = e.output(), .filter = e.input(1), .y = e.input(0), .residual = optional_input(e, 2)});
            },
    };
}

LEMNOS_DEFINE_OPERATOR(conv2d_filter_gradient) {
    return {
        .name = "conv2d_filter_gradient",
        .summary = "The gradient of conv2d with respect to the filter.",
        .inputs = {{"x", "conv2d's x."}, {"dy", "The result's gradient."}},
        .outputs = {{"dfilter", "The gradient of conv2d's filter.", true}},
        .attributes = with(geometry_attributes(),
                           required(integers_attribute("kernel", {}, 2, 1, largest_extent, "Height and width of the filter."))),
        .internal = true,
        .half = {0, 1},
        .infer =
            [](const Signature& s) {
                s.require_real(0, "x");
                s.require_type(1, s.input(0).dtype, "dy");
                s.require_rank(0, 4, "x");
                s.require_rank(1, 4, "dy");
                const auto& kernel = s.attributes.integers("kernel");
                const int64_t groups = s.attributes.integer("groups");
                const TensorType filter{DataType::f32, {kernel[0], kernel[1], s.shape(0)[3] / groups, s.shape(1)[3]}};
                const Signature forward{"conv2d", {s.input(0), filter}, s.attributes};
                const TensorType y = infer_result(forward);
                s.require(y.shape == s.shape(1), "the input dy (", to_string(s.input(1)), ") is not of the result's shape (",
                          to_string(y), ").");
                return std::vector{filter};
            },
        .emit =
            [](Emitter& e) {
                emit_filter_gradient(e, convolution_shape(e.input_type(0), e.output_type(), e.input_type(1), e.attributes()),
                                     e.input(0), e.input(1));
            },
    };
}

LEMNOS_DEFINE_OPERATOR(linear) {
    return {
        .name = "linear",
        .summary = "y = activation(x w + bias), over the last axis of x.",
        .inputs = {{"x", "f32 or f16 [.., features]."},
                   {"w", "f32 [features, channels].", false, true},
                   {"bias", "f32 [channels].", true, true}},
        .attributes = {activation_attribute()},
        .separable = true,
        .half = {0},
        .infer =
            [](const Signature& s) {
                require_types(s, "x", "w");
                s.require_rank(1, 2, "w");
                s.require(s.input(0).rank() >= 1 && s.input(0).channels() == s.shape(1)[0], "the input x (",
                          to_string(s.input(0)), ") does not end in the ", s.shape(1)[0], " features of w (",
                          to_string(s.input(1)), ").");
                require_bias(s, s.shape(1)[1]);
                TensorType y = s.input(0);
                y.shape.back() = s.shape(1)[1];
                return std::vector{y};
            },
        .gradient = gradient_of_linear,
        .emit =
            [](Emitter& e) {
                const ConvolutionShape shape = convolution_shape(as_image(e.input_type(0)), as_filter(e.input_type(1)),
                                                                 as_image(e.output_type()), pointwise_geometry());
                emit_convolution(e, shape, {e.input(0), e.input(1), optional_input(e, 2), e.output()},
                                 e.attributes().choice("activation"));
            },
    };
}
