// What benchmarks compare kernels with: kernels that do nothing but use one resource of the device.
#include "graph/graph.h"
#include "ops/items.h"
#include "shaders/multiply_add_ceiling.h"
#include "shaders/stream_ceiling.h"

#include <algorithm>

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

LEMNOS_DEFINE_OPERATOR(stream_ceiling) {
    return {
        .name = "stream_ceiling",
        .summary = "Reads all its inputs and writes the first of them, in place, without computing; they are spoilt.",
        .inputs = {{"first", "f32, dense."}, {"others", "Of the same shape, 2 to 5 in all."}},
        .attributes = {integer_attribute("writes", 1, 1, 4, "Streams that are written."),
                       integer_attribute("lanes", 64, 1, 1024, "Invocations of a workgroup."),
                       integer_attribute("each", 1, 1, 1024, "Items of an invocation."),
                       integer_attribute("item", 0, 0, 4, "Floats of an item: 4 (a vec4), or 0, which takes what the device moves "
                                                          "fastest.")},
        .variadic = true,
        .internal = true,
        .infer = [](const Signature& s) { return std::vector{s.input(0)}; },
        .emit =
            [](Emitter& e) {
                const int reads = e.input_count();
                const auto writes = uint32_t(e.attributes().integer("writes")), each = uint32_t(e.attributes().integer("each"));
                const auto lanes = uint32_t(e.attributes().integer("lanes"));
                const auto asked = uint32_t(e.attributes().integer("item"));
                const uint32_t item = asked == 4 ? asked : item_size(e.profile());
                const auto count = uint32_t(e.output_type().elements() / item);
                Kernel kernel{.shader = item_variant("stream_ceiling", item),
                              .specialisation = {lanes, uint32_t(reads), writes, each}};
                for (int i = 0; i < 5; ++i) {
                    const Operand stream = i == 0 ? e.output() : e.input(std::min(i, reads - 1));
                    kernel.operands.push_back(stream.as(i < int(writes) ? Access::read_write : Access::read));
                }
                kernel.groups = linear_groups(e.profile(), divide_up(count, each), lanes);
                e.dispatch(std::move(kernel.params(shader::StreamCeilingParams{count, 0})));
            },
    };
}
