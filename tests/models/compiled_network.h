// A model's network, compiled, for tests that look at its logits.
#pragma once

#include "models/folding.h"
#include "ops/harness.h"

#include <algorithm>

namespace lemnos::test {

// A network that is ready to be run on images of f32.
struct CompiledNetwork {
    CompiledNetwork(const Model& model, bool fold, int64_t batch)
        : network(instantiate(model.architecture(), {.batch = batch, .prepare_pixels = false, .fold = fold})),
          folding(model, network) {
        Bindings bindings;
        model.bind(network, bindings);
        folding.bind(bindings);
        replay = Replay::compile(model.device(), network.graph, bindings, {network.image}, {network.logits},
                                 {.slots = 1});
    }
    Tensor logits(const Tensor& images) {
        const int slot = replay->begin();
        std::copy(images.data.begin(), images.data.end(), replay->feed<float>(slot, network.image));
        folding.submit(*replay, slot);
        replay->wait(slot);
        Tensor result(network.graph.shape(network.logits));
        std::copy_n(replay->fetched<float>(slot, network.logits), result.size(), result.data.begin());
        return result;
    }
    Network network;
    Folding folding;
    std::unique_ptr<Replay> replay;
};

} // namespace lemnos::test
