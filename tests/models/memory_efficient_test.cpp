// Networks whose blocks run in groups of channels, against the same networks in one piece; what memory that takes; and how
// the groups are chosen.
//
// Tolerance: the two add the same products in another order in each of some 20 to 50 layers; 1e-5 of the largest logit. Seen
// on lavapipe: below 1e-6.
#include "models/channel_groups.h"
#include "models/compiled_network.h"
#include "train/evaluation.h"

#include <iostream>

namespace lemnos::test {

namespace {

constexpr double tolerance = 1e-5;

Architecture mobilenet(Attributes options) { return build_architecture("mobilenet_v2", std::move(options)); }

Architecture small(double width, int64_t resolution, const char* padding = "symmetric") {
    return mobilenet({{"preset", std::string("small28")},
                      {"width", width},
                      {"resolution", resolution},
                      {"padding", std::string(padding)},
                      {"classes", int64_t(10)}});
}

std::vector<Value> softmax(Network& network) { return {network.graph.add("softmax", {network.logits})}; }

MemoryPlan planned(const Architecture& architecture, const MemoryOptions& options, int64_t batch = 1) {
    return plan_memory(architecture, {.batch = batch, .fold = true}, device()->profile(), options, softmax);
}

// Of the failure; empty where there is none.
template <typename Action>
std::string sentence_of(const Action& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

// An expansion of 4 to 24 channels, a depthwise convolution and a projection to 4, every step of which may be changed.
struct Block {
    ConvolutionLayer expansion{.channels = 24, .kernel = 1}, depthwise{.channels = 24, .groups = 24},
        projection{.channels = 4, .kernel = 1};
    const char* activation = "relu6"; // of the first two
    const char* last = "none";

    Value add(LayerBuilder& layers, Value x, const std::string& name) const {
        x = layers.unit(x, name + ".0", name + ".0 norm", expansion, activation);
        expanded = x;
        x = layers.unit(x, name + ".1", name + ".1 norm", depthwise, activation);
        return layers.unit(x, name + ".2", name + ".2 norm", projection, last);
    }
    mutable Value expanded;
};

} // namespace

struct MemoryEfficient : OpTest {
    // The logits stay where every block runs in so many groups, also when the model changes.
    void expect_equal(const Architecture& architecture, int64_t groups, int64_t batch, int64_t blocks) {
        SCOPED_TRACE(text(architecture.name, ", ", groups, " groups, batch ", batch));
        Model model(device(), architecture);
        model.initialise(7);
        randomise(model, random);
        const std::vector<int64_t> wanted(size_t(blocks), groups);
        CompiledNetwork whole(model, true, batch), split(model, true, batch, wanted);
        ASSERT_EQ(int64_t(split.network.transforms.size()), blocks);
        for (size_t i = 0; i < size_t(blocks); ++i) {
            const Network::Transform &one = whole.network.transforms[i], &many = split.network.transforms[i];
            EXPECT_EQ(one.groups, 1);
            EXPECT_EQ(many.groups, std::min(groups, many.channels));
            EXPECT_EQ(one.name, many.name);
            EXPECT_EQ(int64_t(many.nodes.size()), 3 * many.groups);
        }
        // The filters are cut, not kept twice; each begins on 256 bytes.
        EXPECT_LE(split.folding.bytes(), whole.folding.bytes() + int64_t(split.network.folded.size()) * 2 * 256);
        const Tensor images = random.uniform(whole.network.graph.shape(whole.network.image), -2, 2);
        expect_near(split.logits(images), whole.logits(images), tolerance);
        randomise(model, random);
        expect_near(split.logits(images), whole.logits(images), tolerance);
    }
};

TEST_F(MemoryEfficient, GroupsEqualTheWhole) {
    for (int64_t groups : {2, 3, 5}) expect_equal(small(0.35, 33), groups, 3, 17);
    expect_equal(small(0.35, 33, "same"), 3, 1, 17);
    expect_equal(small(0.1, 17), 1000, 2, 16); // one channel at a time; the stem's result is a shortcut, too
    expect_equal(mobilenet({{"width", 0.35}, {"resolution", int64_t(96)}}), 3, 1, 17);
    expect_equal(mobilenet({{"width", 1.4}, {"resolution", int64_t(33)}, {"padding", std::string("same")}}), 5, 1, 17);
}

TEST_F(MemoryEfficient, WhateverTheBlockIsMadeOf) {
    const auto check = [&](const char* what, const Block& block, bool shortcut, int64_t groups) {
        SCOPED_TRACE(what);
        HandMade net;
        const Value y = block.add(net.layers, net.architecture.image, "block");
        net.classify(shortcut ? net.layers.add("add", {y, net.architecture.image}, {}, "sum") : y);
        expect_equal(net.architecture, groups, 2, 1);
    };
    for (int64_t groups : {2, 5, 24}) check("plain", {}, false, groups);
    for (int64_t groups : {3, 24}) check("a shortcut", {}, true, groups);
    check("a dense expansion at a stride", {.expansion = {.channels = 24, .stride = 2, .bias = true}}, false, 3);
    check("a projection with a bias, at a stride", {.projection = {.channels = 5, .kernel = 1, .stride = 2, .bias = true}}, false, 4);
    check("a dilated depthwise convolution", {.depthwise = {.channels = 24, .dilation = 2, .groups = 24, .padding = Padding::same}},
          true, 3);
    check("a projection with an activation", {.last = "tanh"}, false, 3);
    check("such a one and a shortcut", {.activation = "sigmoid", .last = "relu"}, true, 3);
    check("odd channels", {.expansion = {.channels = 23, .kernel = 1}, .depthwise = {.channels = 23, .groups = 23}}, true, 4);
}

TEST_F(MemoryEfficient, WhatCannotBeSplitStays) {
    const auto transforms = [&](const Architecture& architecture) {
        return int64_t(instantiate(architecture, {.fold = true, .channel_groups = {3, 3, 3}}).transforms.size());
    };
    const auto of = [&](const Block& block) {
        HandMade net;
        net.classify(block.add(net.layers, net.architecture.image, "block"));
        return transforms(net.architecture);
    };
    EXPECT_EQ(of({}), 1);
    EXPECT_EQ(of({.projection = {.channels = 4, .kernel = 3}}), 0);
    EXPECT_EQ(of({.projection = {.channels = 4, .kernel = 1, .groups = 2}}), 0);
    EXPECT_EQ(of({.depthwise = {.channels = 48, .groups = 24}}), 0); // two results a channel
    EXPECT_EQ(of({.depthwise = {.channels = 24, .groups = 12}}), 0);
    EXPECT_EQ(of({.expansion = {.channels = 24, .kernel = 1, .groups = 2}}), 0);
    {
        HandMade net; // a detector taps the expansion
        const Block block;
        const Value y = block.add(net.layers, net.architecture.image, "block");
        const Value tap = net.layers.convolution(block.expanded, "tap", {.channels = 4, .kernel = 1});
        net.classify(net.layers.add("add", {y, tap}, {}, "sum"));
        EXPECT_EQ(transforms(net.architecture), 0);
        EXPECT_EQ(sentence_of([&] { planned(net.architecture, {.channel_groups = 2}); }),
                  "The model hand_made has no block that can run in groups of channels: an expansion, a depthwise convolution "
                  "and a projection, each with batch normalisation.");
    }
    {
        HandMade net; // blocks one after the other: each convolution is of one block at most
        Value x = net.architecture.image;
        for (const char* name : {"first", "second"}) x = Block{}.add(net.layers, x, name);
        net.classify(x);
        expect_equal(net.architecture, 3, 2, 2);
    }
    EXPECT_EQ(transforms(mobilenet({{"norm", std::string("group:4")}})), 0);
    EXPECT_EQ(transforms(build_architecture("resnet20_cifar", {})), 0);
    EXPECT_EQ(instantiate(small(0.35, 33), {.mode = Mode::training, .batch = 2, .fold = true}).transforms.size(), 0u);
    EXPECT_EQ(instantiate(small(0.35, 33), {.fold = true, .weigh = true}).transforms.size(), 0u);
}

// The promise: no more than 55 % of the peak, in few groups, and the numbers of the planner are those of the device.
TEST_F(MemoryEfficient, MobileNetTakesHalfTheMemory) {
    const auto model = std::make_shared<Model>(device(), mobilenet({}));
    const auto measured = [&](const std::vector<int64_t>& groups) {
        Network network = instantiate(model->architecture(), {.fold = true, .channel_groups = groups});
        const Value result = softmax(network)[0];
        Folding folding(*model, network);
        Bindings bindings;
        model->bind(network, bindings);
        folding.bind(bindings);
        for (Value fed : {network.pixels, network.sample_index, network.step, result}) {
            const int64_t bytes = network.graph.type(fed).bytes();
            bindings[fed] = {Buffer::create(device(), BufferKind::device, bytes, "fed"), 0, bytes};
        }
        const int64_t before = device()->counters().memory_bytes;
        const auto plan = Plan::compile(device(), network.graph, bindings);
        EXPECT_EQ(device()->counters().memory_bytes - before, plan->workspace_bytes());
        return plan->workspace_bytes();
    };
    const int64_t whole = planned(model->architecture(), {}).workspace_bytes;
    EXPECT_EQ(measured({}), whole);
    std::cout << "MobileNetV2 1.0/224: " << whole << " bytes of activations\n";
    const auto check = [&](const char* what, const MemoryOptions& options, double most) {
        const MemoryPlan plan = planned(model->architecture(), options);
        std::cout << what << ": " << plan.workspace_bytes << " bytes, " << 100.0 * double(plan.workspace_bytes) / double(whole)
                  << " %; groups";
        for (int64_t groups : plan.channel_groups) std::cout << " " << groups;
        std::cout << "\n";
        EXPECT_EQ(plan.workspace_bytes_without, whole);
        EXPECT_LE(double(plan.workspace_bytes), most * double(whole));
        EXPECT_EQ(measured(plan.channel_groups), plan.workspace_bytes);
        return plan;
    };
    const MemoryPlan limited = check("a limit of 55 %", {.limit = whole * 55 / 100}, 0.55);
    for (int64_t groups : limited.channel_groups) EXPECT_LE(groups, 5);
    check("4 groups everywhere", {.channel_groups = 4}, 0.45);
    check("a limit of 2.5 MB", {.limit = 2500000}, 2.5e6 / double(whole));
    check("the least", {.least = true}, 0.3);
}

TEST_F(MemoryEfficient, NoMoreGroupsThanTheLimitAsksFor) {
    const Architecture architecture = small(0.35, 64);
    const int64_t whole = planned(architecture, {}).workspace_bytes;
    const std::vector<int64_t> ones(17, 1);
    EXPECT_EQ(planned(architecture, {}).channel_groups, ones);
    EXPECT_EQ(planned(architecture, {.limit = whole}).channel_groups, ones);
    EXPECT_EQ(planned(architecture, {.channel_groups = 1}).channel_groups, ones);
    int64_t last = 0;
    for (int64_t percent : {100, 90, 80, 70, 60, 50}) {
        const MemoryPlan plan = planned(architecture, {.limit = whole * percent / 100});
        EXPECT_LE(plan.workspace_bytes, whole * percent / 100);
        int64_t sum = 0;
        for (int64_t groups : plan.channel_groups) sum += groups;
        EXPECT_GE(sum, last) << percent;
        last = sum;
    }
    EXPECT_LT(last, 17 * 2) << "blocks that are not at the peak are split";
    const int64_t least = planned(architecture, {.least = true}).workspace_bytes;
    EXPECT_LT(least, whole * 45 / 100);
    EXPECT_EQ(planned(architecture, {.limit = least}).workspace_bytes, least);
    EXPECT_EQ(sentence_of([&] { planned(architecture, {.limit = least - 1}, 1); }),
              text("The activations of mobilenet_v2 in batches of 1 take at least ", least, " bytes (the memory limit is ",
                   least - 1, " bytes)."));
    EXPECT_EQ(sentence_of([&] { planned(architecture, {.limit = 1000, .channel_groups = 1}); }),
              text("The activations of mobilenet_v2 in batches of 1 take at least ", whole,
                   " bytes without groups of channels (the memory limit is 1000 bytes)."));
    EXPECT_EQ(sentence_of([&] { planned(architecture, {.limit = 1000, .channel_groups = 3}); }),
              text("The activations of mobilenet_v2 in batches of 1 take at least ",
                   planned(architecture, {.channel_groups = 3}).workspace_bytes,
                   " bytes in 3 groups of channels (the memory limit is 1000 bytes)."));
}

TEST_F(MemoryEfficient, PredictorsKeepTheirLimit) {
    const auto model = std::make_shared<Model>(device(), small(0.35, 33));
    model->initialise(3);
    randomise(*model, random);
    std::vector<uint8_t> pixels(5 * 33 * 33 * 3);
    for (uint8_t& pixel : pixels) pixel = uint8_t(random.integer(0, 255));
    const auto predict = [&](Predictor& predictor) {
        Tensor result({5, 10});
        std::vector<float> probabilities(50);
        predictor.run(pixels.data(), 5, probabilities.data());
        std::copy(probabilities.begin(), probabilities.end(), result.data.begin());
        return result;
    };
    Predictor whole(model, 2);
    const Predictor::Memory all = whole.memory();
    EXPECT_EQ(all.workspace_bytes, all.workspace_bytes_without);
    const int64_t limit = all.workspace_bytes * 60 / 100;
    Predictor limited(model, 2, {.memory = {.limit = limit}}), split(model, 2, {.memory = {.channel_groups = 3}});
    EXPECT_LE(limited.memory().workspace_bytes, limit);
    EXPECT_EQ(limited.memory().workspace_bytes_without, all.workspace_bytes);
    ASSERT_EQ(split.memory().blocks.size(), 17u);
    EXPECT_EQ(split.memory().blocks[1].name, "features.2.conv");
    for (const Network::Transform& block : split.memory().blocks) EXPECT_EQ(block.groups, 3);
    for (int round = 0; round < 2; ++round) {
        expect_near(predict(limited), predict(whole), tolerance);
        expect_near(predict(split), predict(whole), tolerance);
        randomise(*model, random); // is seen
    }

    // What weighs cannot be split, and takes more than the limit.
    model->set_alpha("*", 0.5);
    const auto run = [&](Predictor& predictor) { return sentence_of([&] { predict(predictor); }); };
    EXPECT_EQ(run(split), "The model mobilenet_v2 weighs images' own moments, so its blocks cannot run in groups of channels (set "
                          "its alphas to 0, or channel_groups to 1).");
    EXPECT_TRUE(run(limited).ends_with(text(" bytes (the memory limit is ", limit, " bytes)."))) << run(limited);
    EXPECT_EQ(run(whole), "");
    model->set_alpha("*", 0);
    EXPECT_EQ(run(split), "");
}

} // namespace lemnos::test
