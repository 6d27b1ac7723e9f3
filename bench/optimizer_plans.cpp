#include "bench/optimizer_plans.h"

#include "bench/workloads.h"
#include "train/chunks.h"
#include "train/policy.h"

namespace lemnos::bench {

const std::vector<OptimizerCase>& optimizer_cases() {
    const int64_t yes = 1;
    static const std::vector<OptimizerCase> cases{
        {"sgd", "sgd", {}, {{2, 1}}, 12, "sgd"},
        {"sgd, momentum", "sgd", {{"momentum", 0.9}}, {{3, 2}}, 20, "sgd_momentum"},
        {"sgd, Nesterov", "sgd", {{"momentum", 0.9}, {"nesterov", yes}, {"weight_decay", 1e-4}}, {{3, 2}}, 20, "sgd_nesterov"},
        {"adagrad", "adagrad", {}, {{3, 2}}, 20, "adagrad"},
        {"adadelta", "adadelta", {}, {{4, 3}}, 28, "adadelta"},
        {"rmsprop", "rmsprop", {}, {{3, 2}}, 20, "rmsprop"},
        {"rmsprop, momentum", "rmsprop", {{"momentum", 0.9}}, {{4, 3}}, 28, "rmsprop_momentum"},
        {"rmsprop, centered, momentum", "rmsprop", {{"momentum", 0.9}, {"centered", yes}}, {{5, 4}}, 36, "rmsprop_centered"},
        {"rmsprop_tf, momentum", "rmsprop_tf", {{"momentum", 0.9}}, {{4, 3}}, 28, ""},
        {"adam", "adam", {}, {{4, 3}}, 28, "adam"},
        {"adam, amsgrad", "adam", {{"amsgrad", yes}}, {{5, 4}}, 36, "adam_amsgrad"},
        {"adamw", "adamw", {}, {{4, 3}}, 28, "adamw"},
        {"nadam", "nadam", {}, {{4, 3}}, 28, "nadam"},
        {"radam", "radam", {}, {{4, 3}}, 28, "radam"},
        {"adabelief", "adabelief", {}, {{4, 3}}, 28, ""},
        {"lion", "lion", {}, {{3, 2}}, 20, ""},
        {"lars, momentum", "lars", {{"momentum", 0.9}, {"weight_decay", 1e-4}}, {{2, 1}, {3, 2}}, 28, ""},
        {"lamb", "lamb", {}, {{4, 2}, {3, 1}}, 40, ""},
    };
    return cases;
}

static std::shared_ptr<const ArenaLayout> layout_of(int64_t parameters, int64_t tensors) {
    Graph graph;
    std::vector<Value> leaves;
    for (int64_t i = 0; i < tensors; ++i) leaves.push_back(graph.parameter(text(i), {parameters / tensors}, {}));
    return std::make_shared<ArenaLayout>(graph, leaves);
}

// Second moments must not be negative.
static BufferView filled(const std::shared_ptr<Device>& device, int64_t bytes) {
    const auto buffer = Buffer::create(device, BufferKind::device, bytes, "bench");
    device->fill(*buffer, 0, bytes, 0x3c000000); // 1/128
    return {buffer, 0, bytes};
}

std::shared_ptr<Plan> optimizer_plan(const std::shared_ptr<Device>& device, const Optimizer& optimizer, int64_t parameters, int64_t tensors) {
    const auto layout = layout_of(parameters, tensors);
    const ArenaChunks chunks(device, layout, std::vector<SegmentPolicy>(size_t(tensors)), optimizer.weight_decay());
    Graph graph;
    Bindings bindings;
    const auto bound = [&](const char* name, const TensorType& type, const BufferView& view) {
        const Value value = graph.input(name, type);
        bindings[value] = view;
        return value;
    };
    const TensorType arena = layout->type();
    const OptimizerScalars scalars = optimizer.scalars(10, optimizer.rate());
    const BufferView scalar_view = filled(device, int64_t(sizeof scalars));
    device->write(*scalar_view.buffer, 0, scalars.data(), int64_t(sizeof scalars));
    std::vector<Value> inputs{bound("parameters", arena, filled(device, layout->bytes())),
                              bound("gradients", arena, filled(device, layout->bytes())),
                              bound("chunks", chunks.chunk_type(), chunks.chunk_table()),
                              bound("scalars", {DataType::f32, {OPTIMIZER_SCALARS}}, scalar_view)};
    for (const OptimizerState& state : optimizer.states())
        inputs.push_back(bound(state.name.c_str(), arena, filled(device, layout->bytes())));
    const size_t states = inputs.size() - 4;
    Attributes rule{{"algorithm", int64_t(optimizer.rule().algorithm)}, {"flags", int64_t(optimizer.flags())}};
    const Attributes rule_alone = rule;
    rule.set("windows", chunks.windows());
    rule.set("lanes", chunks.lanes());
    const auto update_states = [&](Value node) {
        for (size_t i = 0; i < states; ++i) {
            const Value updated{node.node, int(i) + 1};
            bindings[updated] = bindings[inputs[4 + i]];
            inputs[4 + i] = updated;
        }
    };
    if (optimizer.layerwise()) {
        const Value norms = graph.add("optimizer_norms", inputs, rule);
        update_states(norms);
        const Value segments = bound("segments", chunks.segment_type(), chunks.segment_table());
        inputs.resize(7);
        inputs.push_back(graph.add("trust_ratios", {norms, segments, inputs[3]}, rule_alone));
    }
    const Value stepped = graph.add("optimizer_step", inputs, rule);
    bindings[stepped] = bindings[inputs[0]];
    update_states(stepped);
    return Plan::compile(device, graph, bindings, {.name = optimizer.rule().name, .timestamps = true});
}

} // namespace lemnos::bench
