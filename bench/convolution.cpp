// GFLOP/s of every convolution of MobileNetV2 1.0/224, forward, data gradient and filter gradient, beside the ceiling of
// multiply-adds without loads, measured in the same run: at the start, after every layer and at the end (its median counts).
//     lemnos_bench_convolution [batch] [Google Benchmark's options]
// Times are the device's own timestamps, the best of the repetitions.
#include "models/architecture.h"
#include "plan/plan.h"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>

using namespace lemnos;

namespace {

enum Direction { forward, data_gradient, filter_gradient };
constexpr const char* direction_names[] = {"forward", "data gradient", "filter gradient"};

struct Layer {
    std::string name;
    Shape x, filter, y;
    Attributes attributes;
    double flops = 0; // of one pass
    int64_t count = 0; // layers of this shape

    const char* kind() const {
        if (filter[2] == 1 && x[3] > 1) return "depthwise";
        return filter[0] == 1 ? "pointwise" : "dense";
    }
};

std::vector<Layer> layers_of_mobilenet(int64_t batch) {
    const Architecture architecture = build_architecture("mobilenet_v2", {});
    std::vector<Layer> layers;
    for (const Node& node : architecture.graph.nodes()) {
        if (!node.op || std::string(node.op->name) != "conv2d") continue;
        Layer layer{node.name, architecture.graph.shape(node.inputs[0]), architecture.graph.shape(node.inputs[1]),
                    node.outputs[0].shape, node.attributes, 0, 1};
        layer.x[0] = layer.y[0] = batch;
        const auto same = std::find_if(layers.begin(), layers.end(), [&](const Layer& other) {
            return other.x == layer.x && other.filter == layer.filter && other.y == layer.y;
        });
        if (same != layers.end()) {
            ++same->count;
            continue;
        }
        layer.flops = 2.0 * double(TensorType{DataType::f32, layer.y}.elements()) *
                      double(layer.filter[0] * layer.filter[1] * layer.filter[2]);
        layers.push_back(std::move(layer));
    }
    return layers;
}

// A graph of one operator with memory for its inputs and its result.
std::shared_ptr<Plan> compile(const std::shared_ptr<Device>& device, const std::string& op, const std::vector<Shape>& inputs,
                              const Attributes& attributes) {
    Graph graph;
    Bindings bindings;
    std::vector<Value> values;
    const auto bind = [&](Value value) {
        const int64_t bytes = graph.type(value).bytes();
        const auto buffer = Buffer::create(device, BufferKind::device, bytes, "bench");
        device->fill(*buffer, 0, buffer->bytes(), 0x3f000000); // 0.5
        bindings[value] = {buffer, 0, bytes};
    };
    for (const Shape& shape : inputs) {
        values.push_back(graph.input(text("input ", values.size()), {DataType::f32, shape}));
        bind(values.back());
    }
    bind(graph.add(op, values, attributes));
    return Plan::compile(device, graph, bindings, {.name = op, .timestamps = true});
}

double seconds_of(Device& device, Plan& plan) {
    device.wait(plan.run());
    double seconds = 0;
    for (const DispatchTime& time : plan.times()) seconds += time.seconds;
    return seconds;
}

struct Bench {
    std::shared_ptr<Device> device = Device::open();
    std::shared_ptr<Plan> ceiling = compile(device, "multiply_add_ceiling", {}, {});
    std::vector<double> ceilings; // GFLOP/s
    struct Total {
        double flops = 0, seconds = 0;
    };
    std::map<std::pair<std::string, int>, Total> totals; // by kind and direction

    void measure_ceiling() {
        seconds_of(*device, *ceiling);
        ceilings.push_back(ceiling->flops() / seconds_of(*device, *ceiling) * 1e-9);
    }
    double median_ceiling() {
        std::nth_element(ceilings.begin(), ceilings.begin() + long(ceilings.size() / 2), ceilings.end());
        return ceilings[ceilings.size() / 2];
    }
};

void run_layer(benchmark::State& state, Bench& bench, const Layer& layer, Direction direction) {
    Attributes attributes;
    for (const char* name : {"stride", "padding", "same", "dilation", "groups"})
        attributes.set(name, layer.attributes.all().at(name));
    std::shared_ptr<Plan> plan;
    if (direction == forward) {
        plan = compile(bench.device, "conv2d", {layer.x, layer.filter}, attributes);
    } else if (direction == data_gradient) {
        attributes.set("size", std::vector<int64_t>{layer.x[1], layer.x[2]});
        plan = compile(bench.device, "conv2d_input_gradient", {layer.y, layer.filter}, attributes);
    } else {
        attributes.set("kernel", std::vector<int64_t>{layer.filter[0], layer.filter[1]});
        plan = compile(bench.device, "conv2d_filter_gradient", {layer.x, layer.y}, attributes);
    }
    bench.measure_ceiling();
    seconds_of(*bench.device, *plan); // first use compiles
    double best = 1e30;
    for (auto _ : state) {
        const double seconds = seconds_of(*bench.device, *plan);
        best = std::min(best, seconds);
        state.SetIterationTime(seconds);
    }
    Bench::Total& total = bench.totals[{layer.kind(), direction}];
    total.flops += layer.flops * double(layer.count);
    total.seconds += best * double(layer.count);
    state.counters["GFLOP/s"] = layer.flops / best * 1e-9;
    state.counters["ceiling"] = bench.ceilings.back();
    state.counters["layers"] = double(layer.count);
}

} // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    const int64_t batch = argc > 1 ? std::atoll(argv[1]) : 8;
    try {
        require(batch >= 1, "The batch (", argc > 1 ? argv[1] : "", ") must be at least 1.");
        Bench bench;
        std::printf("%s (%s), batch %d\n", bench.device->info().name.c_str(), bench.device->info().driver.c_str(), int(batch));
        const std::vector<Layer> layers = layers_of_mobilenet(batch);
        for (const Layer& layer : layers)
            for (Direction direction : {forward, data_gradient, filter_gradient})
                benchmark::RegisterBenchmark(text(layer.kind(), "/", direction_names[direction], "/", layer.name, " ", to_string(layer.x),
                                                  " -> ", layer.y[3], layer.x[1] != layer.y[1] ? " /2" : "").c_str(),
                                             [&, direction](benchmark::State& state) { run_layer(state, bench, layer, direction); })
                    ->UseManualTime()
                    ->MinTime(0.05)
                    ->Unit(benchmark::kMillisecond);
        bench.measure_ceiling();
        benchmark::RunSpecifiedBenchmarks();
        bench.measure_ceiling();
        std::printf("\nAll layers of a kind together, weighed by their multiply-adds; ceiling %.1f GFLOP/s\n", bench.median_ceiling());
        for (const auto& [key, total] : bench.totals)
            std::printf("  %-10s %-16s %7.1f GFLOP/s  %5.1f %% of the ceiling\n", key.first.c_str(), direction_names[key.second],
                        total.flops / total.seconds * 1e-9, total.flops / total.seconds * 1e-7 / bench.median_ceiling());
        bench.ceiling.reset();
        bench.device->close();
    } catch (const Error& error) {
        std::fprintf(stderr, "lemnos_bench_convolution: %s\n", error.what());
        return 1;
    }
    return 0;
}
