// Whole networks of every family: the gradient of the loss against differences of the loss. A gradient g predicts the change
// along itself: loss(p + e g / |g|) - loss(p - e g / |g|) = 2 e |g|; so it does for the part of g that belongs to one tensor.
#include "models/model.h"
#include "models/small_forms.h"
#include "ops/harness.h"
#include "plan/replay.h"
#include "train/detection_loss.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <set>

namespace lemnos::test {

namespace {

constexpr int64_t batch = 4, boxes = 3;

class SmallNetwork {
  public:
    // The loss counts `scale` times.
    SmallNetwork(const std::string& name, RandomCases& random, Precision precision = Precision::f32, double scale = 1)
        : model_(std::make_shared<Model>(device(), build_architecture(name, options(name)))),
          gradients_(device(), model_->parameters().layout, "gradients"),
          network_(instantiate(model_->architecture(), {.mode = Mode::training, .batch = batch, .prepare_pixels = false, .precision = precision})) {
        model_->initialise(7);
        start_ = model_->parameters().read();
        Graph& graph = network_.graph;
        const Value weights = graph.input("weights", {DataType::f32, {batch}});
        const Value labels = model_->architecture().detection ? detection_labels(weights) : class_labels(weights);
        Bindings bindings;
        model_->bind(network_, bindings);
        if (detection_.anchors) bindings[detection_.anchors] = model_->anchors();
        const Value seed = graph.add("constant", {}, {{"shape", graph.shape(loss_)}, {"value", scale}});
        const std::vector<Value> found = lemnos::gradients(graph, loss_, network_.parameters, seed);
        for (size_t i = 0; i < found.size(); ++i) {
            const Segment& segment = *gradients_.layout->find(graph.node(network_.parameters[i].node).name);
            bindings[found[i]] = gradients_.view(segment);
        }
        std::vector<Value> feeds{network_.image, network_.sample_index, network_.step, network_.valid, weights, labels};
        if (detection_.prior) feeds.push_back(detection_.prior);
        replay_ = Replay::compile(device(), graph, bindings, feeds, {loss_}, {.slots = 1});
        slot_ = replay_->begin();
        for (int64_t i = 0; i < graph.type(network_.image).elements(); ++i)
            replay_->feed<float>(slot_, network_.image)[i] = float(random.number(-1, 1));
        std::fill_n(replay_->feed<int32_t>(slot_, network_.sample_index), batch, 0);
        std::fill_n(replay_->feed<int32_t>(slot_, network_.step), 4, 0);
        *replay_->feed<float>(slot_, network_.valid) = batch;
        std::fill_n(replay_->feed<float>(slot_, weights), batch, 1.0f / batch);
        if (detection_.prior) *replay_->feed<float>(slot_, detection_.prior) = 0.01f;
        if (detection_.truth) feed_boxes(random);
        else for (int64_t i = 0; i < batch; ++i) replay_->feed<int32_t>(slot_, labels)[i] = int32_t(i % 2);
    }

    double loss() {
        replay_->submit(slot_);
        replay_->wait(slot_);
        const double found = double(*replay_->fetched<float>(slot_, loss_));
        slot_ = replay_->begin(); // what it was fed stays in it
        return found;
    }
    std::vector<float> gradient() {
        loss();
        return gradients_.read();
    }
    // The loss with the parameters moved along a direction.
    double loss_at(const std::vector<double>& direction, double distance) {
        std::vector<float> moved = start_;
        for (size_t i = 0; i < moved.size(); ++i) moved[i] += float(distance * direction[i]);
        model_->parameters().write(moved);
        return loss();
    }
    // To the 11 bits of f16.
    void round_parameters() {
        std::vector<float> rounded = start_;
        for (float& value : rounded) {
            int exponent = 0;
            const float fraction = std::frexp(value, &exponent);
            value = std::ldexp(std::nearbyint(std::ldexp(fraction, 11)), exponent - 11);
        }
        model_->parameters().write(rounded);
    }
    const ArenaLayout& layout() const { return *gradients_.layout; }
    const Graph& graph() const { return network_.graph; }

  private:
    static Attributes options(const std::string& name) {
        Attributes options = small_forms().at(name);
        options.set("channels", int64_t(1));
        options.set("classes", int64_t(2));
        // Over the few cells of the deepest maps of these, batch statistics bend the loss more than f32 can follow.
        static const std::set<std::string> bent{"mobilenet_v1", "mobilenet_v2", "resnet50", "inception_v3", "ssdlite_mobilenet_v1", "ssdlite_mobilenet_v2"};
        if (bent.contains(name)) options.set("norm", std::string("group:2"));
        for (const ArchitectureBuilder& builder : all_architectures())
            if (name == builder.name)
                for (const AttributeSpec& spec : builder.options)
                    if (spec.name == "dropout") options.set("dropout", 0.0);
        return options;
    }
    Value class_labels(Value weights) {
        const Value labels = network_.graph.input("labels", {DataType::i32, {batch}});
        loss_ = network_.graph.add("softmax_cross_entropy", {network_.logits, labels, weights});
        return labels;
    }
    Value detection_labels(Value weights) {
        Attributes options;
        options.complete(detection_loss_options(), "The test");
        options.set("negatives", 0.0); // which anchors are the hardest changes with the parameters
        detection_ = add_detection_loss(network_, model_->architecture(), weights, boxes, options);
        loss_ = detection_.loss;
        return detection_.truth;
    }
    // YOLO's are small and in the corners of cells, where no prediction overlaps them: what is to be predicted depends on the
    // overlap, as a constant, and must not change with the parameters here.
    void feed_boxes(RandomCases& random) {
        const Detection& detection = *model_->architecture().detection;
        auto* truth = replay_->feed<float>(slot_, detection_.truth);
        for (int64_t i = 0; i < batch * boxes; ++i, truth += 5) {
            double height = random.number(0.2, 0.7), width = random.number(0.2, 0.7);
            double top = random.number(0, 1 - height), left = random.number(0, 1 - width);
            if (detection.coder == BoxCoder::yolo) {
                const auto cells = double(detection.grids[0].rows);
                height = width = 0.02 / cells;
                top = (std::floor(top * cells) + 0.01) / cells;
                left = (std::floor(left * cells) + 0.01) / cells;
            }
            const float row[5] = {i % boxes == 2 ? -1.0f : float(i % 2), float(top), float(left), float(top + height), float(left + width)};
            std::copy(std::begin(row), std::end(row), truth);
        }
    }

    std::shared_ptr<Model> model_;
    Arena gradients_;
    Network network_;
    DetectionLoss detection_;
    Value loss_;
    std::unique_ptr<Replay> replay_;
    std::vector<float> start_;
    int slot_ = 0;
};

} // namespace

struct WholeNetworks : OpTest {
    static double length(const std::vector<double>& values) {
        double sum = 0;
        for (double value : values) sum += value * value;
        return std::sqrt(sum);
    }
    static void expect_predicted_change(SmallNetwork& network, std::vector<double> gradient, double loss, const std::string& what) {
        const double size = length(gradient);
        if (size < 1e-4 * std::abs(loss)) return; // differences of f32 resolve no more
        for (double& value : gradient) value /= size;
        // A longer step bends, and of a shorter one f32 loses the difference: the best of some is taken.
        double nearest = HUGE_VAL;
        for (const double expected : {2e-3, 5e-4, 1.2e-4}) {
            const double step = expected * std::max(1.0, std::abs(loss)) / (2 * size);
            const double ratio = (network.loss_at(gradient, step) - network.loss_at(gradient, -step)) / (2 * step * size);
            if (std::abs(ratio - 1) < std::abs(nearest - 1)) nearest = ratio;
            if (std::abs(ratio - 1) < 0.06) break;
        }
        EXPECT_NEAR(nearest, 1, 0.06) << what << ", |g| = " << size << ", loss " << loss;
    }
};

TEST_F(WholeNetworks, GradientsPredictTheLoss) {
    for (const auto& [name, options] : small_forms()) {
        SCOPED_TRACE(name);
        SmallNetwork network(name, random);
        const double loss = network.loss();
        const std::vector<float> found = network.gradient();
        const std::vector<double> gradient(found.begin(), found.end());
        expect_predicted_change(network, gradient, loss, "all parameters");
        const std::vector<Segment>& segments = network.layout().segments();
        for (size_t i = 0; i < segments.size(); i += std::max<size_t>(1, segments.size() / 4)) {
            std::vector<double> part(gradient.size(), 0.0);
            const auto first = std::ptrdiff_t(segments[i].offset / 4);
            std::copy_n(gradient.begin() + first, segments[i].elements, part.begin() + first);
            expect_predicted_change(network, part, loss, segments[i].name);
        }
    }
}

// f16 has 11 bits, so that a value is rounded by 5e-4 at most. What a network makes of that is its own affair: these small forms,
// with batch statistics over few cells, turn roundings of their parameters to 11 bits, once, in f32, into up to tenths of the
// gradient's length. Activations and their gradients that are rounded in every layer may do a few times as much. The scale keeps
// small gradients away from the least numbers of f16.
TEST_F(WholeNetworks, MixedPrecisionGivesTheGradientsOfF32) {
    for (const auto& [name, options] : small_forms()) {
        SCOPED_TRACE(name);
        RandomCases same(random.seed()), numbers(random.seed());
        SmallNetwork full(name, same, Precision::f32, 256), half(name, numbers, Precision::mixed, 256);
        EXPECT_NEAR(half.loss(), full.loss(), 5e-3 * std::abs(full.loss()));
        const std::vector<float> expected = full.gradient(), actual = half.gradient();
        const auto distance = [&](const std::vector<float>& other) {
            std::vector<double> error;
            for (size_t i = 0; i < expected.size(); ++i) error.push_back(double(other[i]) - double(expected[i]));
            return length(error) / length({expected.begin(), expected.end()});
        };
        full.round_parameters();
        const double off = distance(actual), of_rounded = distance(full.gradient());
        std::cout << name << ": " << off << " of the gradient's length, " << of_rounded << " by rounded parameters\n";
        EXPECT_LT(off, 0.01 + 4 * of_rounded);
        EXPECT_GT(off, 1e-6) << "The precision makes no difference.";
    }
}

// What a product reads is f16, and no value is cast to and fro.
TEST_F(WholeNetworks, MixedPrecisionCastsAtBordersAlone) {
    for (const auto& [name, options] : small_forms()) {
        SCOPED_TRACE(name);
        const SmallNetwork network(name, random, Precision::mixed);
        const Graph& graph = network.graph();
        int casts = 0, products = 0;
        for (const Node& node : graph.nodes()) {
            if (!node.op) continue;
            const std::string_view op = node.op->name;
            if (op == "conv2d" || op == "conv2d_input_gradient" || op == "conv2d_filter_gradient") {
                ++products;
                EXPECT_EQ(graph.type(node.inputs[0]).dtype, DataType::f16) << op << " " << node.name;
            }
            if (op == "conv2d_filter_gradient") {
                EXPECT_EQ(node.outputs[0].dtype, DataType::f32);
            }
            if (op != "cast") continue;
            ++casts;
            const Node& source = graph.node(node.inputs[0].node);
            EXPECT_FALSE(source.op && std::string_view(source.op->name) == "cast") << "Two casts in a row.";
        }
        EXPECT_GT(products, 3);
        EXPECT_LT(casts, products) << "Casts should be rare.";
    }
}

} // namespace lemnos::test
