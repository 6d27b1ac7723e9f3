// What benchmarks compare kernels with: kernels that do nothing but use one resource of the device.
#include "graph/graph.h"
#include "shaders/multiply_add_ceiling.h"

using namespace lemnos;

LEMNOS_DEFINE_OPERATOR(multiply_add_ceiling) {
    return {
        .name = "multiply_add_ceiling",
        .summary = "Multiply-adds without loads; the result means nothing.",
        .inputs = {},
        .attributes = {integer_attribute("groups", 64, 1, 65535, "Workgroups."),
                       integer_attribute("rounds", 2000, 1, 1000000, "128 operations each, in every invocation.")},
        .internal = true,
        .infer =
            [](const Signature& s) {
                return std::vector{TensorType{DataType::f32, {s.attributes.integer("groups"), 64, 4}}};
            },
        .emit =
            [](Emitter& e) {
                const bool cpu = e.profile().is_cpu; // there a workgroup is one subgroup
                const uint32_t size = cpu ? std::min(e.profile().subgroup_size, 64u) : 64;
                const uint32_t groups = uint32_t(e.attributes().integer("groups")), rounds = uint32_t(e.attributes().integer("rounds"));
                Kernel kernel{.shader = "multiply_add_ceiling", .specialisation = {size}, .operands = {e.output()}};
                kernel.groups = {groups, 1, 1};
                kernel.flops = 128.0 * groups * size * rounds;
                e.dispatch(std::move(kernel.params(shader::MultiplyAddCeilingParams{rounds, 0.999f, 0.001f})));
            },
    };
}
