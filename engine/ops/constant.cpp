// constant: a tensor filled with one value.
#include "graph/graph.h"
#include "shaders/fill.h"

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(constant) {
    return {
        .name = "constant",
        .summary = "A tensor of the given shape, every element the given value.",
        .inputs = {},
        .attributes = {required(integers_attribute("shape", {}, -1, 1, INT32_MAX, "The extents; empty for a scalar.")),
                       real_attribute("value", 0, -3.4e38, 3.4e38, "The value of every element.")},
        .infer = [](const Signature& s) { return std::vector{TensorType{DataType::f32, s.attributes.integers("shape")}}; },
        .emit =
            [](Emitter& e) {
                const uint32_t count = uint32_t(e.output_type().elements());
                Kernel kernel{.shader = "fill", .specialisation = {64}, .operands = {e.output()}};
                kernel.groups = linear_groups(e.profile(), count, 64);
                e.dispatch(std::move(kernel.params(shader::FillParams{count, float(e.attributes().real("value"))})));
            },
    };
}
