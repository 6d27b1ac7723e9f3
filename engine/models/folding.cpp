#include "models/folding.h"

namespace lemnos {

Folding::Folding(const Model& model, const Network& network) : model_(model) {
    if (network.folded.empty()) return;
    for (const Network::Folded& folded : network.folded) {
        leaves_.push_back(folded.filter);
        if (folded.bias) leaves_.push_back(folded.bias);
    }
    arena_ = Arena(model.device(), std::make_shared<const ArenaLayout>(network.graph, leaves_),
                   "folded parameters");

    const Graph& source = model.architecture().graph;
    Graph graph;
    Bindings bindings;
    const auto leaf = [&](Value value) {
        const Node& node = source.node(value.node);
        const Value found = graph.find_leaf(node.name);
        const Value leaf = found ? found : graph.input(node.name, node.outputs[0]);
        bindings[leaf] = model.view(node.name);
        return leaf;
    };
    Bindings results;
    bind(results);
    for (const Network::Folded& folded : network.folded) {
        const Node &convolution = source.node(folded.convolution), &norm = source.node(folded.normalisation);
        std::vector<Value> inputs{leaf(convolution.inputs[1])};
        for (size_t i = 1; i < 5; ++i) inputs.push_back(leaf(norm.inputs[i]));
        if (convolution.inputs.size() > 2 && convolution.inputs[2])
            inputs.push_back(leaf(convolution.inputs[2]));
        const auto range = [](const Network::Folded::Range& part) { return std::vector<int64_t>{part.first, part.count}; };
        const Value result = graph.add("fold_batch_norm", std::move(inputs),
                                       {{"epsilon", norm.attributes.real("epsilon")},
                                        {"channels", range(folded.channels)},
                                        {"inputs", range(folded.inputs)}},
                                       norm.name);
        bindings[result] = results.at(folded.filter);
        if (folded.bias) bindings[{result.node, 1}] = results.at(folded.bias);
    }
    plan_ = Plan::compile(model.device(), graph, bindings, {.name = "fold"});
}

void Folding::bind(Bindings& bindings) const {
    for (size_t i = 0; i < leaves_.size(); ++i)
        bindings[leaves_[i]] = arena_.view(arena_.layout->segments()[i]);
}

int64_t Folding::submit(Replay& replay, int slot) {
    // Under the lock, so that no trainer's step comes between what is folded and what the network reads.
    const auto order = model_.device()->hold_order();
    const int64_t version = model_.version();
    if (plan_ && version != folded_version_) {
        plan_->run();
        folded_version_ = version;
    }
    return replay.submit(slot);
}

} // namespace lemnos
