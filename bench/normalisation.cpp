// Bytes a second of a training normalisation with its activation, forward and backward, beside shaders that move the least
// possible bytes (forward three streams of the tensor, backward five) without arithmetic, in one run: repetitions take
// turns, medians count.
//     lemnos_bench_normalisation [repetitions]
// Times are the device's own timestamps.
#include "plan/plan.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

using namespace lemnos;

namespace {

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(values.size() / 2), values.end());
    return values[values.size() / 2];
}

double seconds_of(Device& device, Plan& plan) {
    device.wait(plan.run());
    double seconds = 0;
    for (const DispatchTime& time : plan.times()) seconds += time.seconds;
    return seconds;
}

// Memory that several plans share, filled with numbers whose variance is not 0.
class Tensors {
  public:
    explicit Tensors(std::shared_ptr<Device> device) : device_(std::move(device)) {}
    BufferView operator()(const TensorType& type) {
        const auto buffer = Buffer::create(device_, BufferKind::device, type.bytes(), "bench");
        std::vector<float> values(size_t(type.bytes() / 4));
        uint32_t bits = 1;
        for (float& value : values)
            value = float((bits = bits * 1664525u + 1013904223u) >> 8) * 0x1p-24f - 0.5f;
        device_->write(*buffer, 0, values.data(), type.bytes());
        return {buffer, 0, type.bytes()};
    }

  private:
    std::shared_ptr<Device> device_;
};

struct Normaliser {
    const char* label;
    Attributes attributes;
};

} // namespace

int main(int argc, char** argv) {
    const int repetitions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;
    const std::vector<Shape> shapes{
        {32, 56, 56, 144}, {32, 112, 112, 32}, {32, 7, 7, 1280}, {128, 14, 14, 96}};
    const Normaliser normalisers[] = {
        {"batch", {}}, {"ghost 16", {{"examples", int64_t(16)}}}, {"ghost 4", {{"examples", int64_t(4)}}}};
    try {
        const auto device = Device::open({});
        Tensors tensors(device);
        std::printf("%s; median of %d repetitions that take turns; activation relu6\n",
                    device->info().name.c_str(), repetitions);
        for (const Shape& shape : shapes) {
            const TensorType type{DataType::f32, shape}, channels{DataType::f32, {shape.back()}};
            const BufferView x = tensors(type), dy = tensors(type), y = tensors(type), dx = tensors(type),
                             other = tensors(type);
            const BufferView gamma = tensors(channels), beta = tensors(channels);
            std::vector<std::shared_ptr<Plan>> plans;
            for (const int64_t item : {4, 0})
                for (const int reads : {2, 4}) {
                    Graph graph;
                    Bindings bindings;
                    std::vector<Value> inputs;
                    for (const BufferView& view : {y, x, dy, other})
                        if (int(inputs.size()) < reads) {
                            inputs.push_back(graph.input(text("stream ", inputs.size()), type));
                            bindings[inputs.back()] = view;
                        }
                    const Value result = graph.add("stream_ceiling", inputs,
                                                   {{"lanes", int64_t(item ? 64 : 8)},
                                                    {"each", int64_t(item ? 1 : 64)},
                                                    {"item", item}});
                    bindings[result] = y;
                    plans.push_back(
                        Plan::compile(device, graph, bindings, {.name = "streams", .timestamps = true}));
                }
            for (const Normaliser& normaliser : normalisers) {
                Graph graph;
                Bindings forward, backward;
                const auto bound = [&](const char* name, const TensorType& t, const BufferView& view) {
                    const Value value = graph.input(name, t);
                    forward[value] = backward[value] = view;
                    return value;
                };
                const Value in = bound("x", type, x), g = bound("gamma", channels, gamma),
                            b = bound("beta", channels, beta);
                Attributes attributes = normaliser.attributes;
                attributes.set("activation", std::string("relu6"));
                const Value out = graph.add("normalisation", {in, g, b}, attributes);
                const Value table{out.node, 3};
                const BufferView coefficients = tensors(graph.type(table));
                forward[out] = y;
                forward[table] = coefficients;
                plans.push_back(
                    Plan::compile(device, graph, forward, {.name = "forward", .timestamps = true}));
                Graph gradient;
                attributes.set("given", int64_t(0));
                const Value gx = gradient.input("x", type), gdy = gradient.input("dy", type),
                            gt = gradient.input("table", graph.type(table));
                const Value result = gradient.add("normalisation_gradient", {gx, gdy, gt}, attributes);
                Bindings bindings{{gx, x},
                                  {gdy, dy},
                                  {gt, coefficients},
                                  {result, dx},
                                  {{result.node, 1}, tensors(channels)},
                                  {{result.node, 2}, tensors(channels)}};
                plans.push_back(
                    Plan::compile(device, gradient, bindings, {.name = "backward", .timestamps = true}));
            }
            std::vector<std::vector<double>> seconds(plans.size());
            for (int repetition = -1; repetition < repetitions; ++repetition)
                for (size_t i = 0; i < plans.size(); ++i) {
                    const double taken = seconds_of(*device, *plans[i]);
                    if (repetition >= 0) seconds[i].push_back(taken);
                }
            std::printf("\n%s\n%-14s %10s %15s %15s %10s %15s %15s\n", to_string(shape).c_str(), "",
                        "forward", "share of vec4", "share of best", "backward", "share of vec4",
                        "share of best");
            const auto rate = [&](size_t plan, int streams) {
                return double(type.bytes()) * streams / median(seconds[plan]) * 1e-9;
            };
            std::printf("%-14s %5.2f GB/s %15s %15s %5.2f GB/s\n", "vec4 streams", rate(0, 3), "", "",
                        rate(1, 5));
            std::printf("%-14s %5.2f GB/s %15s %15s %5.2f GB/s\n", "best streams", rate(2, 3), "", "",
                        rate(3, 5));
            for (size_t i = 0; i < std::size(normalisers); ++i) {
                const double f = rate(4 + 2 * i, 3), b = rate(5 + 2 * i, 5);
                std::printf("%-14s %5.2f GB/s %13.0f %% %13.0f %% %5.2f GB/s %13.0f %% %13.0f %%\n",
                            normalisers[i].label, f, 100 * f / rate(0, 3),
                            100 * f / std::max(rate(0, 3), rate(2, 3)), b, 100 * b / rate(1, 5),
                            100 * b / std::max(rate(1, 5), rate(3, 5)));
            }
        }
    } catch (const Error& error) {
        std::fprintf(stderr, "lemnos_bench_normalisation: %s\n", error.what());
        return 1;
    }
    return 0;
}
