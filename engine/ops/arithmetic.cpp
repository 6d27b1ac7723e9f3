// add, sub, mul with a second operand that may be broadcast over leading axes, and scale.
#include "shaders/arithmetic.h"
#include "graph/graph.h"
#include "ops/items.h"
#include "ops/window.h"
#include "shaders/scale.h"

#include <algorithm>

namespace lemnos {

enum Operation : uint32_t { addition, subtraction, multiplication };
enum Broadcast : uint32_t { same_shape, one_element, whole_items, any_period }; // arithmetic.comp

static std::vector<TensorType> infer_binary(const Signature& s) {
    s.require_real(0, "a");
    s.require_type(1, s.input(0).dtype, "b");
    const Shape &a = s.shape(0), &b = s.shape(1);
    const bool is_suffix = b.size() <= a.size() && std::equal(b.rbegin(), b.rend(), a.rbegin());
    s.require(is_suffix || s.input(1).elements() == 1, "the shape of b (", to_string(b),
              ") is neither that of a (", to_string(a),
              ") nor that of its last axes, and it has more than one element.");
    return {s.input(0)};
}

// Not `separable`, which would have to know from the shapes whether b is cut with a: a flat list can be cut
// anywhere.
static void emit_binary(Emitter& e, Operation operation) {
    const int64_t count = e.output_type().elements(), period = e.input_type(1).elements();
    const int64_t step = flat_step(e);
    const DataType dtype = e.output_type().dtype;
    const uint32_t item = item_size(e.profile());
    const Broadcast broadcast = period == count      ? same_shape
                                : period == 1        ? one_element
                                : period % item == 0 ? whole_items
                                                     : any_period;
    for (int64_t first = 0; first < count; first += step) {
        const int64_t part = std::min(step, count - first);
        Kernel kernel{.shader = item_variant("arithmetic", item, dtype),
                      .specialisation = {64, operation, broadcast}};
        const int64_t from = first * size_of(dtype), bytes = part * size_of(dtype);
        kernel.operands = {e.input(0).slice(from, bytes),
                           broadcast == same_shape ? e.input(1).slice(from, bytes) : e.input(1),
                           e.output().slice(from, bytes)};
        kernel.groups = linear_groups(e.profile(), divide_up(part, item), 64);
        kernel.flops = double(part);
        e.dispatch(std::move(kernel.params(
            shader::ArithmeticParams{uint32_t(part), uint32_t(period), uint32_t(first % period)})));
    }
}

static void emit_scale(Emitter& e) {
    const int64_t count = e.output_type().elements(), step = flat_step(e);
    const float factor = float(e.attributes().real("factor"));
    const DataType dtype = e.output_type().dtype;
    const uint32_t item = item_size(e.profile());
    for (int64_t first = 0; first < count; first += step) {
        const int64_t part = std::min(step, count - first);
        Kernel kernel{.shader = item_variant("scale", item, dtype), .specialisation = {64}};
        const int64_t from = first * size_of(dtype), bytes = part * size_of(dtype);
        kernel.operands = {e.input(0).slice(from, bytes), e.output().slice(from, bytes)};
        kernel.groups = linear_groups(e.profile(), divide_up(part, item), 64);
        kernel.flops = double(part);
        e.dispatch(std::move(kernel.params(shader::ScaleParams{uint32_t(part), factor})));
    }
}

// The gradient of an operand that was broadcast: the sum over the axes that it lacked, which is f32.
static Value summed_to(const GradientBuilder& b, Value gradient, Shape shape) {
    const Shape from = b.graph.shape(gradient);
    if (from == shape) return gradient;
    std::vector<int64_t> axes;
    if (b.graph.type(gradient).elements() > 1 && TensorType{DataType::f32, shape}.elements() > 1)
        for (size_t axis = 0; axis + shape.size() < from.size(); ++axis) axes.push_back(int64_t(axis));
    Value sum = b.add("sum", {gradient}, {{"axes", axes}}); // no axes: all of them
    if (b.graph.shape(sum) != shape) sum = b.add("reshape", {sum}, {{"shape", shape}});
    const DataType dtype = b.input_type(1).dtype;
    return dtype == DataType::f32 ? sum : b.add("cast", {sum}, {{"to", std::string(name_of(dtype))}});
}

static void add_gradient(GradientBuilder& b) {
    if (b.needs(0)) b.set(0, b.output_gradient());
    if (b.needs(1)) b.set(1, summed_to(b, b.output_gradient(), b.input_type(1).shape));
}

static void sub_gradient(GradientBuilder& b) {
    if (b.needs(0)) b.set(0, b.output_gradient());
    if (b.needs(1))
        b.set(1,
              b.add("scale", {summed_to(b, b.output_gradient(), b.input_type(1).shape)}, {{"factor", -1.0}}));
}

static void mul_gradient(GradientBuilder& b) {
    if (b.needs(0)) b.set(0, b.add("mul", {b.output_gradient(), b.input(1)}));
    if (b.needs(1))
        b.set(1, summed_to(b, b.add("mul", {b.output_gradient(), b.input(0)}), b.input_type(1).shape));
}

static Operator binary(const char* name, const char* summary, void (*gradient)(GradientBuilder&),
                       void (*emit)(Emitter&)) {
    return {
        .name = name,
        .summary = summary,
        .inputs = {{"a", "Any shape."},
                   {"b", "The shape of a, or that of its last axes (such as one number a channel), or one "
                         "element: it then meets every part of a."}},
        .outputs = {{"y", "The shape of a."}},
        .half = {0, 1},
        .infer = infer_binary,
        .gradient = gradient,
        .emit = emit};
}

} // namespace lemnos

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(add) {
    return binary("add", "y = a + b.", add_gradient, [](Emitter& e) { emit_binary(e, addition); });
}

LEMNOS_DEFINE_OPERATOR(sub) {
    return binary("sub", "y = a - b.", sub_gradient, [](Emitter& e) { emit_binary(e, subtraction); });
}

LEMNOS_DEFINE_OPERATOR(mul) {
    return binary("mul", "y = a * b, element by element.", mul_gradient,
                  [](Emitter& e) { emit_binary(e, multiplication); });
}

LEMNOS_DEFINE_OPERATOR(scale) {
    return {
        .name = "scale",
        .summary = "y = factor * x.",
        .inputs = {{"x", "Any shape."}},
        .attributes = {required(
            real_attribute("factor", 1, -3.4e38, 3.4e38, "The number that multiplies x."))},
        .half = {0},
        .infer =
            [](const Signature& s) {
                s.require_real(0, "x");
                return std::vector{s.input(0)};
            },
        .gradient =
            [](GradientBuilder& b) {
                b.set(0, b.add("scale", {b.output_gradient()}, {{"factor", b.attributes().real("factor")}}));
            },
        .emit = emit_scale};
}
