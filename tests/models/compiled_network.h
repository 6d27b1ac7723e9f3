// A model's network, compiled, for tests that look at its logits; and networks for them.
#pragma once

#include "models/folding.h"
#include "models/layers.h"
#include "ops/harness.h"

#include <algorithm>

namespace lemnos::test {

// Gammas, betas, means and variances that a training might have left.
inline void randomise(const Model& model, RandomCases& random) {
    const Graph& graph = model.architecture().graph;
    for (const Node& node : graph.nodes()) {
        if (!node.op || std::string_view(node.op->name) != "batch_norm") continue;
        const std::pair<double, double> ranges[] = {{0.5, 1.5}, {-0.5, 0.5}, {-0.5, 0.5}, {0.25, 2}};
        for (size_t i = 1; i < 5; ++i) {
            const std::string& name = graph.node(node.inputs[i].node).name;
            const Tensor values =
                random.uniform(graph.shape(node.inputs[i]), ranges[i - 1].first, ranges[i - 1].second);
            model.view(name).write(std::vector<float>(values.data.begin(), values.data.end()).data());
        }
    }
}

// A network of one image of 6 x 6 x 4, built by hand.
struct HandMade {
    HandMade() : layers(architecture, {{"norm", std::string("batch")}}) {
        architecture.name = "hand_made";
        architecture.image = architecture.graph.input("image", {DataType::f32, {1, 6, 6, 4}});
        architecture.pixels = {std::vector<double>(4, 0.5), std::vector<double>(4, 0.5)};
    }
    void classify(Value x) {
        architecture.logits = layers.linear(layers.add("global_average_pool", {x}, {}, "pool"), "end", 3, 1);
    }
    Graph& graph() { return architecture.graph; }
    Architecture architecture;
    LayerBuilder layers;
};

// A network that is ready to be run on images of f32.
struct CompiledNetwork {
    CompiledNetwork(const Model& model, bool fold, int64_t batch, std::vector<int64_t> channel_groups = {})
        : network(instantiate(model.architecture(), {.batch = batch,
                                                     .prepare_pixels = false,
                                                     .fold = fold,
                                                     .channel_groups = std::move(channel_groups)})),
          folding(model, network) {
        Bindings bindings;
        model.bind(network, bindings);
        folding.bind(bindings);
        std::vector<Value> results{network.logits};
        if (network.boxes) results.push_back(network.boxes);
        replay = Replay::compile(model.device(), network.graph, bindings, {network.image}, results, {.slots = 1});
    }
    Tensor logits(const Tensor& images) {
        run(images);
        return fetched(network.logits);
    }
    void run(const Tensor& images) {
        slot = replay->begin();
        std::copy(images.data.begin(), images.data.end(), replay->feed<float>(slot, network.image));
        folding.submit(*replay, slot);
        replay->wait(slot);
    }
    Tensor fetched(Value value) const { // of the last run: logits or boxes
        Tensor result(network.graph.shape(value));
        std::copy_n(replay->fetched<float>(slot, value), result.size(), result.data.begin());
        return result;
    }
    Network network;
    Folding folding;
    std::unique_ptr<Replay> replay;
    int slot = 0;
};

} // namespace lemnos::test
