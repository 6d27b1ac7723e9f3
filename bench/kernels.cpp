// GFLOP/s of every distinct convolution of three networks, forward, data gradient and filter gradient, beside the best GEMM,
// which runs in every round. Then all layers of a kind together, weighed by how often they occur; dense and pointwise ones
// have a bar. A pass of a layer counts as many operations, 2 a multiply-add of the direct form, whatever a kernel makes of it.
#include "bench/bench.h"

#include <algorithm>
#include <map>

namespace lemnos::bench {

namespace {

constexpr double bar = 0.6; // of the best GEMM: dense and pointwise convolutions, on the shapes of MobileNetV2 and WRN
constexpr const char* directions[] = {"forward", "data gradient", "filter gradient"};

struct Layer {
    std::string name, kind; // depthwise, pointwise, dense
    TensorType x, filter, y;
    Attributes attributes;
    double flops = 0; // of one pass
    int64_t count = 0; // layers of this shape
};

std::vector<Layer> layers_of(const Architecture& architecture, int64_t batch) {
    std::vector<Layer> layers;
    for (const Node& node : architecture.graph.nodes()) {
        if (!node.op || std::string(node.op->name) != "conv2d") continue;
        Layer layer{node.name, {}, architecture.graph.type(node.inputs[0]), architecture.graph.type(node.inputs[1]), node.outputs[0], {}, 0, 1};
        layer.x.shape[0] = layer.y.shape[0] = batch;
        for (const char* name : {"stride", "padding", "same", "dilation", "groups"})
            layer.attributes.set(name, node.attributes.all().at(name));
        const auto same = std::ranges::find_if(layers, [&](const Layer& other) {
            return other.x.shape == layer.x.shape && other.filter.shape == layer.filter.shape && other.y.shape == layer.y.shape;
        });
        if (same != layers.end()) {
            ++same->count;
            continue;
        }
        const Shape& filter = layer.filter.shape;
        layer.kind = filter[2] == 1 && layer.x.shape[3] > 1 ? "depthwise" : filter[0] == 1 && filter[1] == 1 ? "pointwise" : "dense";
        layer.flops = 2.0 * double(layer.y.elements()) * double(filter[0] * filter[1] * filter[2]);
        const int64_t stride = node.attributes.integers("stride")[0];
        layer.name = text(to_string(layer.x.shape), " -> ", layer.y.shape[3], ", ", filter[0], " x ", filter[1],
                          layer.kind == "depthwise" ? " depthwise" : "", stride > 1 ? text(" /", stride) : "");
        layers.push_back(std::move(layer));
    }
    return layers;
}

std::shared_ptr<Plan> pass_of(const Bench& bench, const Layer& layer, int direction) {
    Attributes attributes = layer.attributes;
    if (direction == 0) return plan_of(bench.device, "conv2d", {layer.x, layer.filter}, attributes);
    if (direction == 1) {
        attributes.set("size", std::vector<int64_t>{layer.x.shape[1], layer.x.shape[2]});
        return plan_of(bench.device, "conv2d_input_gradient", {layer.y, layer.filter}, attributes);
    }
    attributes.set("kernel", std::vector<int64_t>{layer.filter.shape[0], layer.filter.shape[1]});
    return plan_of(bench.device, "conv2d_filter_gradient", {layer.x, layer.y}, attributes);
}

struct Total {
    double flops = 0, seconds = 0, gemm_seconds = 0; // the last: what the best GEMM takes for as many operations
    double spread = 0;
    int64_t layers = 0;
};

} // namespace

void suite_kernels(Bench& bench) {
    struct Part {
        const char* workload;
        int64_t batch;
        bool has_bar;
    };
    std::vector<Part> parts{{"MobileNetV2 1.0/224", 8, true}, {"WRN-16-4", 16, true}, {"ResNet-50", 2, false}};
    if (bench.quick()) parts = {{"MobileNetV2 0.35/28", 1, false}};
    const Bench::Gemm& gemm = bench.gemm();
    for (const Part& part : parts) {
        std::map<std::pair<std::string, int>, Total> totals;
        std::map<std::string, int> of_kind;
        for (const Layer& layer : layers_of(workload(part.workload).build(), part.batch)) {
            if (bench.quick() && ++of_kind[layer.kind] > 2) continue;
            const std::string name = text(part.workload, ": ", layer.name);
            if (!bench.has_time(name, 0)) continue;
            Rounds rounds;
            rounds.add(gemm.run);
            for (int direction = 0; direction < 3; ++direction) rounds.add(run_of(pass_of(bench, layer, direction)));
            rounds.measure(bench.quick() ? bench.effort() : Effort{3, 9, 1});
            for (size_t direction = 0; direction < 3; ++direction) {
                const Figure ratio = rounds.figure(
                    [&](const Rounds::Round& s) { return layer.flops / s[1 + direction] / (gemm.flops / s[0]); });
                bench.add({.name = text(name, ", ", directions[direction]), .unit = "GFLOP/s",
                           .value = rounds.figure([&](const Rounds::Round& s) { return layer.flops / s[1 + direction] * 1e-9; }),
                           .ratio = ratio, .of = "best GEMM", .note = text(layer.count, layer.count == 1 ? " layer" : " layers")});
                Total& total = totals[{layer.kind, int(direction)}];
                const double seconds = rounds.seconds(1 + direction).value;
                total.flops += layer.flops * double(layer.count);
                total.seconds += seconds * double(layer.count);
                total.gemm_seconds += seconds * ratio.value * double(layer.count);
                total.spread = std::max(total.spread, ratio.spread);
                total.layers += layer.count;
            }
        }
        for (const auto& [key, total] : totals) {
            Row row{.name = text(part.workload, ": all ", key.first, ", ", directions[key.second]), .unit = "GFLOP/s"};
            row.value = {total.flops / total.seconds * 1e-9, total.spread};
            row.ratio = {total.gemm_seconds / total.seconds, total.spread};
            row.of = "best GEMM";
            row.note = text(total.layers, " layers at batch ", part.batch, "; the spread is that of the worst");
            if (part.has_bar && key.first != "depthwise") row.bar = bar;
            bench.add(std::move(row));
        }
    }
}

} // namespace lemnos::bench
