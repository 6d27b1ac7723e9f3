// Pooling of NHWC images. Gradients gather, so that nothing is added atomically; that of max_pool finds the
// place of every window's first maximum once, which is cheaper than to search every window again for each of
// its cells.
#include "graph/graph.h"
#include "ops/items.h"
#include "ops/quotient.h"
#include "shaders/global_average_pool.h"
#include "shaders/pool.h"

#include <cmath>

namespace lemnos {

// ---- windows
// --------------------------------------------------------------------------------------------------------

enum class PoolMode : uint32_t { max, average, winner }; // MODE in shaders/include/pool.glsl

struct PoolGeometry {
    int64_t kernel[2], stride[2], before[2], after[2]; // of rows, of columns
    bool ceil_mode, count_padding;

    explicit PoolGeometry(const Attributes& a) : ceil_mode(a.boolean("ceil_mode")) {
        const std::vector<int64_t>&k = a.integers("kernel"), &s = a.integers("stride"),
              &p = a.integers("padding");
        for (int i = 0; i < 2; ++i) {
            kernel[i] = k[size_t(i)];
            stride[i] = s.empty() ? kernel[i] : s[size_t(i)];
            before[i] = p[size_t(2 * i)];
            after[i] = p[size_t(2 * i + 1)];
        }
        count_padding = !a.contains("count_include_pad") || a.boolean("count_include_pad");
    }
};

static Shape pooled_shape(const Signature& s, const Shape& x) {
    const std::vector<int64_t>& stride = s.attributes.integers("stride");
    s.require(stride.empty() || stride.size() == 2, "the attribute stride has ", stride.size(),
              " elements (2 are needed, or none for the kernel's).");
    const PoolGeometry g(s.attributes);
    Shape y = x;
    for (int i = 0; i < 2; ++i) {
        const char* axis = i == 0 ? "rows" : "columns";
        const int64_t size = x[size_t(1 + i)], kernel = g.kernel[i];
        s.require(g.before[i] < kernel && g.after[i] < kernel, "the padding (", g.before[i], " and ",
                  g.after[i], ") is not ", "smaller than the window (", kernel, " ", axis, ").");
        const int64_t room = size + g.before[i] + g.after[i] - kernel + (g.ceil_mode ? g.stride[i] - 1 : 0);
        s.require(room >= 0, "a window of ", kernel, " ", axis, " does not fit ", size, " padded by ",
                  g.before[i], " and ", g.after[i], ".");
        int64_t count = room / g.stride[i] + 1;
        if (g.ceil_mode && (count - 1) * g.stride[i] >= size + g.before[i])
            --count; // it would lie in padding alone
        y[size_t(1 + i)] = count;
    }
    return y;
}

static std::vector<TensorType> infer_pool(const Signature& s) {
    s.require_rank(0, 4, "x");
    s.require_real(0, "x");
    return {{s.input(0).dtype, pooled_shape(s, s.shape(0))}};
}

static Kernel pool_kernel(const Emitter& e, const char* shader, PoolMode mode, const Shape& x, const Shape& y,
                          const Shape& lanes) {
    const PoolGeometry g(e.attributes());
    shader::PoolParams params{};
    params.images = uint32_t(x[0]);
    params.channels = uint32_t(x[3]);
    params.height = uint32_t(x[1]);
    params.width = uint32_t(x[2]);
    params.out_height = uint32_t(y[1]);
    params.out_width = uint32_t(y[2]);
    params.top = uint32_t(g.before[0]);
    params.bottom = uint32_t(g.after[0]);
    params.left = uint32_t(g.before[1]);
    params.right = uint32_t(g.after[1]);
    params.kernel_y = uint32_t(g.kernel[0]);
    params.kernel_x = uint32_t(g.kernel[1]);
    params.stride_y = uint32_t(g.stride[0]);
    params.stride_x = uint32_t(g.stride[1]);
    params.count_padding = g.count_padding;
    params.grid_height = uint32_t(lanes[1]);
    params.grid_width = uint32_t(lanes[2]);
    set_divisor(divide_up(lanes[3], 4), params.column_multiplier, params.column_shift);
    set_divisor(lanes[2], params.width_multiplier, params.width_shift);
    set_divisor(lanes[1], params.height_multiplier, params.height_shift);
    set_divisor(g.stride[0], params.stride_y_multiplier, params.stride_y_shift);
    set_divisor(g.stride[1], params.stride_x_multiplier, params.stride_x_shift);
    Kernel kernel{.shader = real_variant(shader, e.input_type(0).dtype), .specialisation = {64, x[3] % 4 == 0, uint32_t(mode)}};
    kernel.groups = linear_groups(e.profile(), lanes[0] * lanes[1] * lanes[2] * divide_up(lanes[3], 4), 64);
    kernel.flops = double(y[0] * y[1] * y[2] * y[3]) * double(g.kernel[0] * g.kernel[1]);
    kernel.params(params);
    return kernel;
}

static void emit_pool(Emitter& e, PoolMode mode) {
    const Shape x = e.input_type(0).shape, y = e.output_type().shape;
    Kernel kernel = pool_kernel(e, "pool", mode, x, y, y);
    kernel.operands = {e.input(0), e.output()};
    e.dispatch(std::move(kernel));
}

static std::vector<AttributeSpec> pool_attributes() {
    return {required(integers_attribute("kernel", {}, 2, 1, 4096, "The window's height and width.")),
            integers_attribute("stride", {}, -1, 1, 4096,
                               "From a window to the next, down and right; empty: the kernel's."),
            integers_attribute("padding", {0, 0, 0, 0}, 4, 0, 4095,
                               "Top, bottom, left, right; smaller than the window."),
            boolean_attribute(
                "ceil_mode", false,
                "A last window may hang over the padded image, unless it would lie in padding alone.")};
}

static std::vector<AttributeSpec> average_attributes() {
    std::vector<AttributeSpec> specs = pool_attributes();
    specs.push_back(
        boolean_attribute("count_include_pad", true,
                          "Divide by the window's cells in the padded image, not by those in the image."));
    return specs;
}

static std::vector<AttributeSpec> with_shape(std::vector<AttributeSpec> specs) {
    specs.push_back(required(integers_attribute("shape", {}, 4, 1, INT32_MAX, "Of the argument.")));
    return specs;
}

// ---- global average
// -------------------------------------------------------------------------------------------------

static std::vector<TensorType> infer_global(const Signature& s) {
    s.require_real(0, "x");
    s.require(s.input(0).rank() >= 3, "the input x (", to_string(s.input(0)), ") has rank ",
              s.input(0).rank(), " (3 or more are needed: examples first, channels last).");
    return {{s.input(0).dtype, {s.shape(0)[0], s.shape(0).back()}}};
}

// `image` is the type of the side that has cells.
static void emit_global(Emitter& e, const char* shader, const TensorType& image, int64_t run, int64_t runs) {
    shader::GlobalAveragePoolParams params{};
    params.examples = uint32_t(image.shape[0]);
    params.channels = uint32_t(image.channels());
    params.cells = uint32_t(image.elements() / image.shape[0] / image.channels());
    params.run = uint32_t(run);
    Kernel kernel{.shader = real_variant(shader, image.dtype), .specialisation = {64, params.channels % 4 == 0}};
    kernel.operands = {e.input(0), e.output()};
    kernel.groups = linear_groups(e.profile(), params.examples * runs * divide_up(params.channels, 4), 64);
    kernel.flops = double(image.elements());
    e.dispatch(std::move(kernel.params(params)));
}

static int64_t cells_of(const TensorType& image) {
    return image.elements() / image.shape[0] / image.channels();
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(max_pool) {
    return {.name = "max_pool",
            .summary = "The maximum of every window. Padding never wins; of equal cells the first in "
                       "row-major order takes "
                       "the gradient.",
            .inputs = {{"x", "[images, height, width, channels]."}},
            .attributes = pool_attributes(),
            .separable = true,
            .half = {0},
            .infer = infer_pool,
            .gradient =
                [](GradientBuilder& b) {
                    b.set(0, b.add("max_pool_gradient", {b.input(0), b.output_gradient()}, b.attributes()));
                },
            .emit = [](Emitter& e) { emit_pool(e, PoolMode::max); }};
}

LEMNOS_DEFINE_OPERATOR(max_pool_gradient) {
    return {.name = "max_pool_gradient",
            .summary = "The gradient of max_pool.",
            .inputs = {{"x", "The argument."}, {"dy", "The result's gradient."}},
            .outputs = {{"dx", "The shape of x."}},
            .attributes = pool_attributes(),
            .internal = true,
            .separable = true,
            .half = {0, 1},
            .infer =
                [](const Signature& s) {
                    s.require_type(1, s.input(0).dtype, "dy");
                    return std::vector{s.input(0)};
                },
            .emit =
                [](Emitter& e) {
                    const Shape x = e.input_type(0).shape, y = e.input_type(1).shape;
                    const Operand winners = e.workspace(y[0] * y[1] * y[2] * round_up(y[3], 4) * 4);
                    Kernel search = pool_kernel(e, "pool", PoolMode::winner, x, y, y);
                    search.operands = {e.input(0), winners.as(Access::write)};
                    e.dispatch(std::move(search));
                    Kernel gather = pool_kernel(e, "pool_gradient", PoolMode::max, x, y, x);
                    gather.operands = {e.input(1), e.output(), winners.as(Access::read)};
                    e.dispatch(std::move(gather));
                }};
}

LEMNOS_DEFINE_OPERATOR(average_pool) {
    return {.name = "average_pool",
            .summary = "The mean of every window.",
            .inputs = {{"x", "[images, height, width, channels]."}},
            .attributes = average_attributes(),
            .separable = true,
            .half = {0},
            .infer = infer_pool,
            .gradient =
                [](GradientBuilder& b) {
                    Attributes attributes = b.attributes();
                    attributes.set("shape", b.input_type(0).shape);
                    b.set(0, b.add("average_pool_gradient", {b.output_gradient()}, attributes));
                },
            .emit = [](Emitter& e) { emit_pool(e, PoolMode::average); }};
}

LEMNOS_DEFINE_OPERATOR(average_pool_gradient) {
    return {.name = "average_pool_gradient",
            .summary = "The gradient of average_pool.",
            .inputs = {{"dy", "The result's gradient."}},
            .outputs = {{"dx", "The given shape."}},
            .attributes = with_shape(average_attributes()),
            .internal = true,
            .separable = true,
            .half = {0},
            .infer =
                [](const Signature& s) {
                    return std::vector{TensorType{s.input(0).dtype, s.attributes.integers("shape")}};
                },
            .emit =
                [](Emitter& e) {
                    const Shape x = e.output_type().shape, y = e.input_type(0).shape;
                    Kernel gather = pool_kernel(e, "pool_gradient", PoolMode::average, x, y, x);
                    gather.operands = {e.input(0), e.output(), e.none()};
                    e.dispatch(std::move(gather));
                }};
}

LEMNOS_DEFINE_OPERATOR(global_average_pool) {
    return {.name = "global_average_pool",
            .summary = "The mean over all axes between the first and the last: NHWC becomes NC.",
            .inputs = {{"x", "[examples, ..., channels]."}},
            .outputs = {{"y", "[examples, channels]."}},
            .separable = true,
            .half = {0},
            .infer = infer_global,
            .gradient =
                [](GradientBuilder& b) {
                    b.set(0, b.add("global_average_pool_gradient", {b.output_gradient()},
                                   {{"shape", b.input_type(0).shape}}));
                },
            .emit =
                [](Emitter& e) {
                    const TensorType x = e.input_type(0);
                    emit_global(e, "global_average_pool", x,
                                int64_t(std::ceil(std::sqrt(double(cells_of(x))))), 1);
                }};
}

LEMNOS_DEFINE_OPERATOR(global_average_pool_gradient) {
    return {.name = "global_average_pool_gradient",
            .summary = "dx = dy / cells, for every cell.",
            .inputs = {{"dy", "[examples, channels]."}},
            .outputs = {{"dx", "The given shape."}},
            .attributes = {required(integers_attribute("shape", {}, -1, 1, INT32_MAX, "Of the argument."))},
            .internal = true,
            .separable = true,
            .half = {0},
            .infer =
                [](const Signature& s) {
                    const Shape& shape = s.attributes.integers("shape");
                    s.require_real(0, "dy");
                    s.require(shape.size() >= 3 && s.shape(0) == Shape{shape[0], shape.back()}, "dy (",
                              to_string(s.input(0)), ") does not belong to the shape ", to_string(shape),
                              ".");
                    return std::vector{TensorType{s.input(0).dtype, shape}};
                },
            .emit =
                [](Emitter& e) {
                    const TensorType dx = e.output_type();
                    constexpr int64_t run = 32;
                    emit_global(e, "global_average_pool_gradient", dx, run, divide_up(cells_of(dx), run));
                }};
}
