// Bytes a second of every optimizer's update at 16.8 million parameters, as one tensor and as 200, beside a shader that
// moves the same streams without arithmetic, in one run: repetitions of the three take turns, medians count. Then a full
// update (the gradient's norm and the decision included) beside the same streams.
//     lemnos_bench_optimizer [millions of parameters] [repetitions]
// Times are the device's own timestamps.
#include "plan/plan.h"
#include "train/update.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

using namespace lemnos;

namespace {

struct Case {
    const char* label;
    const char* optimizer;
    Attributes options;
    int reads, writes; // streams of the update; those of layerwise optimizers are two passes together
    int bytes;         // of one parameter, as the specification has it
};

std::vector<Case> cases() {
    const int64_t yes = 1;
    return {
        {"sgd", "sgd", {}, 2, 1, 12},
        {"sgd, momentum", "sgd", {{"momentum", 0.9}}, 3, 2, 20},
        {"sgd, Nesterov", "sgd", {{"momentum", 0.9}, {"nesterov", yes}, {"weight_decay", 1e-4}}, 3, 2, 20},
        {"adagrad", "adagrad", {}, 3, 2, 20},
        {"adadelta", "adadelta", {}, 4, 3, 28},
        {"rmsprop", "rmsprop", {}, 3, 2, 20},
        {"rmsprop, momentum", "rmsprop", {{"momentum", 0.9}}, 4, 3, 28},
        {"rmsprop, centered, momentum", "rmsprop", {{"momentum", 0.9}, {"centered", yes}}, 5, 4, 36},
        {"rmsprop_tf, momentum", "rmsprop_tf", {{"momentum", 0.9}}, 4, 3, 28},
        {"adam", "adam", {}, 4, 3, 28},
        {"adam, amsgrad", "adam", {{"amsgrad", yes}}, 5, 4, 36},
        {"adamw", "adamw", {}, 4, 3, 28},
        {"nadam", "nadam", {}, 4, 3, 28},
        {"radam", "radam", {}, 4, 3, 28},
        {"adabelief", "adabelief", {}, 4, 3, 28},
        {"lion", "lion", {}, 3, 2, 20},
        {"lars, momentum", "lars", {{"momentum", 0.9}, {"weight_decay", 1e-4}}, 5, 2, 28},
        {"lamb", "lamb", {}, 7, 3, 40},
    };
}

// The same streams without arithmetic: as a vec4 an invocation, as anyone would write them, and as the device moves them
// fastest, in short and in long runs.
struct StreamForm {
    int64_t lanes, each, item;
};
constexpr std::array STREAM_FORMS{StreamForm{64, 1, 4}, StreamForm{64, 1, 0}, StreamForm{8, 64, 0}};

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(values.size() / 2), values.end());
    return values[values.size() / 2];
}

std::shared_ptr<const ArenaLayout> layout_of(int64_t parameters, int64_t tensors) {
    Graph graph;
    std::vector<Value> leaves;
    for (int64_t i = 0; i < tensors; ++i)
        leaves.push_back(graph.parameter(text(i), {parameters / tensors}, {}));
    return std::make_shared<ArenaLayout>(graph, leaves);
}

BufferView filled(const std::shared_ptr<Device>& device, int64_t bytes) {
    const auto buffer = Buffer::create(device, BufferKind::device, bytes, "bench");
    device->fill(*buffer, 0, bytes, 0x3c000000); // 1/128
    return {buffer, 0, bytes};
}

double seconds_of(Device& device, Plan& plan) {
    device.wait(plan.run());
    double seconds = 0;
    for (const DispatchTime& time : plan.times()) seconds += time.seconds;
    return seconds;
}

// The optimizer's dispatches alone, over an arena of so many tensors.
std::shared_ptr<Plan> compile_step(const std::shared_ptr<Device>& device, const Optimizer& optimizer,
                                   int64_t parameters, int64_t tensors) {
    const auto layout = layout_of(parameters, tensors);
    const ArenaChunks chunks(device, layout, std::vector<SegmentPolicy>(size_t(tensors)),
                             optimizer.weight_decay());
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
    Attributes rule{{"algorithm", int64_t(optimizer.rule().algorithm)},
                    {"flags", int64_t(optimizer.flags())}};
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

std::shared_ptr<Plan> compile_streams(const std::shared_ptr<Device>& device, int64_t bytes, int reads,
                                      int writes, const StreamForm& form) {
    Graph graph;
    Bindings bindings;
    std::vector<Value> streams;
    const TensorType type{DataType::f32, {bytes / ArenaLayout::alignment, ArenaLayout::block}};
    for (int i = 0; i < reads; ++i) {
        streams.push_back(graph.input(text("stream ", i), type));
        bindings[streams.back()] = filled(device, bytes);
    }
    const Value result = graph.add(
        "stream_ceiling", streams,
        {{"writes", int64_t(writes)}, {"lanes", form.lanes}, {"each", form.each}, {"item", form.item}});
    bindings[result] = bindings[streams[0]];
    return Plan::compile(device, graph, bindings, {.name = "streams", .timestamps = true});
}

} // namespace

int main(int argc, char** argv) {
    const double millions = argc > 1 ? std::atof(argv[1]) : 16.777216;
    const int repetitions = argc > 2 ? std::max(1, std::atoi(argv[2])) : 9;
    if (!(millions > 0 && millions <= 1000)) {
        std::fprintf(stderr, "lemnos_bench_optimizer: %s million parameters are not 0 to 1000.\n", argv[1]);
        return 2;
    }
    const auto parameters = int64_t(millions * 1e6) / 12800 * 12800;
    try {
        const auto device = Device::open({});
        std::printf("%s; %.1f million parameters, median of %d repetitions that take turns\n\n",
                    device->info().name.c_str(), double(parameters) / 1e6, repetitions);
        const char* const head = "%-28s %9s %13s %13s %13s %13s %13s %13s\n";
        std::printf(head, "", "bytes per", "vec4 streams", "best streams", "one tensor", "share of the",
                    "share of the", "200 tensors,");
        std::printf(head, "optimizer", "parameter", "GB/s", "GB/s", "GB/s", "vec4 streams", "best streams",
                    "of one tensor");
        for (const Case& each : cases()) {
            const Optimizer optimizer(each.optimizer, each.options);
            const auto one = compile_step(device, optimizer, parameters, 1),
                       many = compile_step(device, optimizer, parameters, 200);
            // Two passes are compared with the streams of both, one after the other.
            std::vector<std::pair<int, int>> passes{{each.reads, each.writes}};
            if (optimizer.layerwise())
                passes = each.optimizer == std::string("lars")
                             ? std::vector<std::pair<int, int>>{{2, 0}, {3, 2}}
                             : std::vector<std::pair<int, int>>{{4, 2}, {3, 1}};
            std::array<std::vector<std::shared_ptr<Plan>>, STREAM_FORMS.size()> forms;
            int stream_bytes = 0; // lars' norms write nothing, but a stream needs one write
            for (const auto& [reads, writes] : passes) {
                stream_bytes += 4 * (reads + std::max(writes, 1));
                for (size_t form = 0; form < forms.size(); ++form)
                    forms[form].push_back(compile_streams(device, parameters * 4, reads, std::max(writes, 1),
                                                          STREAM_FORMS[form]));
            }
            std::vector<double> step, split;
            std::array<std::vector<double>, STREAM_FORMS.size()> streams;
            for (int repetition = -1; repetition < repetitions; ++repetition) {
                const double a = seconds_of(*device, *one), b = seconds_of(*device, *many);
                std::array<double, STREAM_FORMS.size()> c{};
                for (size_t form = 0; form < forms.size(); ++form)
                    for (const auto& plan : forms[form]) c[form] += seconds_of(*device, *plan);
                if (repetition < 0) continue; // compiles
                step.push_back(a);
                split.push_back(b);
                for (size_t form = 0; form < forms.size(); ++form) streams[form].push_back(c[form]);
            }
            const double own = median(step), plain = median(streams[0]);
            const double best = std::min({plain, median(streams[1]), median(streams[2])});
            const auto rate = [&](int bytes, double seconds) {
                return double(parameters) * bytes / seconds * 1e-9;
            };
            const double own_rate = rate(each.bytes, own);
            std::printf("%-28s %9d %13.2f %13.2f %13.2f %11.0f %% %11.0f %% %11.0f %%\n", each.label,
                        each.bytes, rate(stream_bytes, plain), rate(stream_bytes, best), own_rate,
                        100 * own_rate / rate(stream_bytes, plain), 100 * own_rate / rate(stream_bytes, best),
                        100 * own / median(split));
        }
    } catch (const Error& error) {
        std::fprintf(stderr, "lemnos_bench_optimizer: %s\n", error.what());
        return 1;
    }
    return 0;
}
