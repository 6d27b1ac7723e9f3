// Networks whose normalisations are part of their convolutions, against the same networks with both.
//
// Tolerance: the two differ by the rounding of filters that are multiplied before or after the sum, of some
// 20 to 50 layers; 1e-5 of the largest logit. Seen on lavapipe: below 1e-6.
#include "models/compiled_network.h"

#include <algorithm>

namespace lemnos::test {

namespace {

constexpr double tolerance = 1e-5;

int64_t count(const Graph& graph, std::string_view op) {
    return std::count_if(graph.nodes().begin(), graph.nodes().end(),
                         [&](const Node& node) { return node.op && node.op->name == op; });
}

} // namespace

struct FoldedNetworks : OpTest {
    // Checks that `folded` normalisations of all disappear, `taken` additions and activations of sums with them, and the logits
    // stay.
    void expect_folded(const Architecture& architecture, int64_t folded, int64_t taken = 0, int64_t batch = 2) {
        SCOPED_TRACE(architecture.name);
        Model model(device(), architecture);
        model.initialise(7);
        randomise(model, random);
        CompiledNetwork plain(model, false, batch), merged(model, true, batch);
        const int64_t normalisations = count(architecture.graph, "batch_norm");
        EXPECT_EQ(count(plain.network.graph, "batch_norm"), normalisations);
        EXPECT_EQ(count(merged.network.graph, "batch_norm"), normalisations - folded);
        EXPECT_EQ(int64_t(merged.network.folded.size()), folded);
        // A normalisation is two dispatches: the coefficients, and their use. Additions and activations go with them.
        int64_t others = 0;
        for (const char* op : {"add", "relu", "tanh"}) others += count(plain.network.graph, op) - count(merged.network.graph, op);
        EXPECT_EQ(others, taken);
        EXPECT_EQ(merged.replay->plan().dispatches(), plain.replay->plan().dispatches() - 2 * folded - taken);
        const Tensor images = random.uniform(plain.network.graph.shape(plain.network.image), -2, 2);
        expect_near(merged.logits(images), plain.logits(images), tolerance);
        // Other numbers in the same memory.
        randomise(model, random);
        expect_near(merged.logits(images), plain.logits(images), tolerance);
    }
};

TEST_F(FoldedNetworks, EqualTheirOriginals) {
    const auto small = [](Attributes options) {
        options.set("preset", std::string("small28"));
        options.set("width", 0.35);
        options.set("classes", int64_t(10));
        return build_architecture("mobilenet_v2", std::move(options));
    };
    expect_folded(small({{"channels", int64_t(1)}}), 52, 11);
    expect_folded(small({{"padding", std::string("same")}}), 52, 11);
    expect_folded(build_architecture("resnet20_cifar", {}), 19, 18);
}

// The convolution adds what is added to its result, and applies what the sum goes through, where nothing else sees them.
TEST_F(FoldedNetworks, TakeAdditionsAlong) {
    const auto check = [&](const char* what, int64_t folded, int64_t taken, const auto& build) {
        SCOPED_TRACE(what);
        HandMade net;
        LayerBuilder& layers = net.layers;
        net.classify(build(layers, layers.unit(net.architecture.image, "first", "first norm", {.channels = 4}, "relu")));
        expect_folded(net.architecture, folded, taken);
    };
    const auto second = [](LayerBuilder& layers, Value x, const char* activation = "none", int64_t groups = 1) {
        return layers.unit(x, "second", "second norm", {.channels = 4, .groups = groups}, activation);
    };
    check("on the left", 2, 1, [&](LayerBuilder& l, Value x) { return l.add("add", {second(l, x), x}, {}, "sum"); });
    check("on the right, with an activation", 2, 2,
          [&](LayerBuilder& l, Value x) { return l.add("tanh", {l.add("add", {x, second(l, x)}, {}, "sum")}, {}, "end of it"); });
    check("both", 3, 2, [&](LayerBuilder& l, Value x) {
        const Value y = second(l, x), z = l.unit(x, "third", "third norm", {.channels = 4, .kernel = 1}, "none");
        return l.add("relu", {l.add("add", {y, z}, {}, "sum")}, {}, "end of it");
    });
    check("in groups", 2, 1, [&](LayerBuilder& l, Value x) { return l.add("add", {second(l, x, "none", 2), x}, {}, "sum"); });
    check("each channel by itself", 2, 0, [&](LayerBuilder& l, Value x) { return l.add("add", {second(l, x, "none", 4), x}, {}, "sum"); });
    check("after an activation", 2, 0, [&](LayerBuilder& l, Value x) { return l.add("add", {second(l, x, "relu"), x}, {}, "sum"); });
    check("twice the same", 2, 0, [&](LayerBuilder& l, Value x) {
        const Value y = second(l, x);
        return l.add("add", {y, y}, {}, "sum");
    });
    check("a sum that is seen", 2, 1, [&](LayerBuilder& l, Value x) {
        const Value sum = l.add("add", {second(l, x), x}, {}, "sum");
        return l.add("mul", {l.add("relu", {sum}, {}, "end of it"), sum}, {}, "product");
    });
}

TEST_F(FoldedNetworks, EveryKindOfConvolutionFolds) {
    HandMade net;
    Value x = net.architecture.image;
    const struct {
        const char* activation;
        ConvolutionLayer layer;
    } cases[] = {{"none", {.channels = 4, .groups = 4}},
                 {"tanh", {.channels = 10, .groups = 2, .bias = true}},
                 {"sigmoid", {.channels = 5, .kernel = 1, .bias = true}},
                 {"relu6", {.channels = 7, .kernel = 5, .stride = 2, .padding = Padding::same}}};
    for (const auto& c : cases) {
        const std::string name = text("layer of ", c.activation);
        x = net.layers.normalisation(net.layers.convolution(x, name, c.layer), name + " norm", c.activation,
                                  1e-3);
    }
    x = net.layers.add("global_average_pool", {x}, {}, "pool");
    net.architecture.logits = net.layers.normalisation(net.layers.linear(x, "end", 3, 1), "last norm", "relu");
    expect_folded(net.architecture, 5);
}

TEST_F(FoldedNetworks, WhatCannotBeFoldedStays) {
    {
        HandMade net; // no convolution before it
        Value x = net.layers.normalisation(net.architecture.image, "norm", "relu");
        net.classify(
            net.layers.normalisation(net.layers.convolution(x, "conv", {.channels = 3}), "folds", "relu"));
        expect_folded(net.architecture, 1);
    }
    {
        HandMade net; // the convolution's result is used twice
        const Value y = net.layers.convolution(net.architecture.image, "conv", {.channels = 3});
        net.classify(net.layers.add("add", {net.layers.normalisation(y, "norm", "relu"), y}, {}, "sum"));
        expect_folded(net.architecture, 0);
    }
    {
        HandMade net; // two normalisations of one convolution
        const Value y = net.layers.convolution(net.architecture.image, "conv", {.channels = 3});
        net.classify(net.layers.add(
            "add", {net.layers.normalisation(y, "one", "relu"), net.layers.normalisation(y, "other", "none")}, {},
            "sum"));
        expect_folded(net.architecture, 0, 1); // the second adds the first itself
    }
    {
        HandMade net; // the convolution has an activation of its own
        const Value filter = net.graph().parameter("filter", {1, 1, 4, 3}, {Initializer::normal, 1});
        const Value y = net.layers.add("conv2d", {net.architecture.image, filter},
                                       {{"activation", std::string("relu")}}, "conv");
        net.classify(net.layers.normalisation(y, "norm", "relu"));
        expect_folded(net.architecture, 0);
    }
    {
        HandMade net; // the filter is computed
        const Value filter = net.graph().parameter("filter", {1, 1, 4, 3}, {Initializer::normal, 1});
        const Value scaled = net.layers.add("scale", {filter}, {{"factor", 0.5}}, "scaled");
        net.classify(net.layers.normalisation(
            net.layers.add("conv2d", {net.architecture.image, scaled}, {}, "conv"), "norm", "relu"));
        expect_folded(net.architecture, 0);
    }
    {
        HandMade net; // the logits are the convolution's, and the normalisation hangs beside them
        net.classify(net.architecture.image);
        net.layers.normalisation(net.architecture.logits, "norm", "none");
        Model model(device(), net.architecture);
        EXPECT_TRUE(instantiate(net.architecture, {.fold = true}).folded.empty());
    }
}

// One filter, used by two convolutions whose normalisations differ.
TEST_F(FoldedNetworks, ASharedFilterFoldsTwice) {
    HandMade net;
    const Value filter = net.graph().parameter("filter", {3, 3, 4, 4}, {Initializer::normal, 0.2});
    Value x = net.architecture.image;
    for (const char* name : {"first", "second"})
        x = net.layers.normalisation(net.layers.add("conv2d", {x, filter},
                                                 {{"padding", std::vector<int64_t>{1, 1, 1, 1}}},
                                                 text("conv ", name)),
                                  name, "relu");
    net.classify(x);
    expect_folded(net.architecture, 2);
}

TEST_F(FoldedNetworks, TrainingDoesNotFold) {
    const Architecture architecture = build_architecture("resnet20_cifar", {});
    const Network network = instantiate(architecture, {.mode = Mode::training, .batch = 2, .fold = true});
    EXPECT_TRUE(network.folded.empty());
    EXPECT_EQ(network.moments.size(), 19u);
}

// In training the normalisation, or the convolution that none follows, adds what is added to its result.
TEST_F(FoldedNetworks, TrainingTakesAdditionsAlong) {
    const struct {
        const char* name;
        int64_t additions;
        const char* op;
        size_t residual;
    } cases[] = {{"resnet20_cifar", 9, "normalisation", 4}, {"mobilenet_v2", 10, "normalisation", 4}, {"wrn", 6, "conv2d", 3}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const Architecture architecture = build_architecture(c.name, c.name == std::string("wrn") ? Attributes{{"depth", int64_t(16)}} : Attributes{});
        const Network network = instantiate(architecture, {.mode = Mode::training, .batch = 2});
        EXPECT_EQ(count(architecture.graph, "add"), c.additions);
        EXPECT_EQ(count(network.graph, "add"), 0);
        EXPECT_EQ(count(network.graph, "relu"), 0);
        int64_t taken = 0;
        for (const Node& node : network.graph.nodes())
            taken += node.op && node.op->name == std::string(c.op) && node.inputs.size() > c.residual && node.inputs[c.residual];
        EXPECT_EQ(taken, c.additions);
    }
}

// A normalisation that has a residual in the model stays as it is, and takes no second one.
TEST_F(FoldedNetworks, AResidualOfTheModelStays) {
    HandMade net;
    const Value x = net.layers.convolution(net.architecture.image, "conv", {.channels = 4});
    std::vector<Value> inputs{x};
    for (const char* name : {"gamma", "beta"}) inputs.push_back(net.graph().parameter(name, {4}, {Initializer::constant, 1}));
    for (const char* name : {"mean", "variance"}) inputs.push_back(net.graph().state(name, {4}, {Initializer::constant, 1}));
    inputs.insert(inputs.end(), {Value{}, net.architecture.image});
    const Value y = net.layers.add("batch_norm", inputs, {}, "with a residual");
    net.classify(net.layers.add("add", {y, x}, {}, "sum"));
    const Network network = instantiate(net.architecture, {.mode = Mode::training, .batch = 2});
    int with_residual = 0;
    for (const Node& node : network.graph.nodes())
        if (node.name == "with a residual") {
            EXPECT_EQ(node.op->name, std::string("normalisation"));
            EXPECT_EQ(node.inputs.at(4), network.image);
            ++with_residual;
        }
    EXPECT_EQ(with_residual, 1);
    EXPECT_EQ(count(network.graph, "add"), 1);
    expect_folded(net.architecture, 0);
}

// The plan that folds runs when the model has changed, and only then.
TEST_F(FoldedNetworks, FoldOnceAChange) {
    Model model(device(), build_architecture("resnet20_cifar", {{"resolution", int64_t(8)}}));
    model.initialise(1);
    CompiledNetwork run(model, true, 1);
    const Tensor images = random.uniform(run.network.graph.shape(run.network.image));
    const auto submissions = [&] {
        const int64_t before = device()->counters().submissions;
        run.logits(images);
        return device()->counters().submissions - before;
    };
    const int64_t first = submissions(), second = submissions();
    EXPECT_EQ(first, second + 1);
    EXPECT_EQ(submissions(), second);
    model.write("bn1.bias", std::vector<float>(16, 1.0f));
    EXPECT_EQ(submissions(), first);
    EXPECT_EQ(submissions(), second);
}

} // namespace lemnos::test
