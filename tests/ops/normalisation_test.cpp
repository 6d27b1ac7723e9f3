// Batch normalisation, with the batch's moments and with given ones, and their gradients.
//
// Tolerances. The moments are sums in f32 of up to 25,088 cells, taken in strands of at most 128 whose
// results are merged, so their rounding stays below 128 units (2^-24 each); the sums of the gradient
// likewise. y, dx and the parameter gradients are a few operations more: 2e-5 of the largest element, the
// project's figure for normalisation.
#include "ops/harness.h"
#include "reference/elementwise.h"
#include "reference/normalisation.h"

namespace lemnos::test {

namespace {

constexpr double tolerance = 2e-5;
constexpr int64_t all = reference::all_examples;

struct NormCase {
    Shape shape;
    double mean = 0;
    std::string activation = "none";
    int64_t valid = all;
    double epsilon = 1e-5;
};

std::string describe(const NormCase& c) {
    return text(to_string(c.shape), ", mean ", c.mean, ", ", c.activation, ", valid ", c.valid);
}

// The identity for "none".
reference::Activation activation_of(const std::string& name) {
    for (const reference::Activation& activation : reference::activations())
        if (activation.name == name) return activation;
    return {"none", [](double x) { return x; }, [](double) { return 1.0; }, {}};
}

// What does not count is 0 whatever the activation makes of 0.
void clear_from(Tensor& y, int64_t valid) {
    if (valid == all) return;
    for (int64_t i = y.size() / y.shape[0] * valid; i < y.size(); ++i) y[i] = 0;
}

// Moves x away from where y is at a kink of the activation: there the gradient jumps.
void avoid_kinks(Tensor& x, const Tensor& y, const reference::Activation& activation) {
    for (int64_t i = 0; i < x.size(); ++i)
        for (double kink : activation.kinks)
            if (std::abs(y[i] - kink) < 2e-3) x[i] = double(float(x[i] + (y[i] < kink ? -0.01 : 0.01)));
}

void test_training(RandomCases& random, const NormCase& c, const RunOptions& options = {}) {
    SCOPED_TRACE(describe(c));
    const Shape channels{c.shape.back()};
    const Tensor gamma = random.uniform(channels, 0.5, 1.5), beta = random.uniform(channels, -1, 4);
    const Tensor dy = random.uniform(c.shape);
    const reference::Activation activation = activation_of(c.activation);
    Tensor x = random.uniform(c.shape, c.mean - 1.7, c.mean + 1.7);
    avoid_kinks(x, reference::batch_norm_training(x, gamma, beta, c.epsilon, c.valid).y, activation);

    OpCase norm{
        "normalisation", {x, gamma, beta}, {{"epsilon", c.epsilon}, {"activation", c.activation}}};
    if (c.valid != all) norm.inputs.emplace_back(Tensor({1}, double(c.valid)));
    const std::vector<Tensor> outputs = run_all(norm, options);
    const reference::BatchNorm expected = reference::batch_norm_training(x, gamma, beta, c.epsilon, c.valid);
    Tensor y = reference::activate(activation, expected.y);
    clear_from(y, c.valid);
    expect_near(outputs[0], y, tolerance);
    // The mean may be near 0 while its terms are near 1.
    EXPECT_EQ(reference::mismatch(outputs[1], expected.mean, 2e-6, 1), "");
    expect_near(outputs[2], expected.variance, 1e-5);

    const Tensor g = reference::activate_backward(activation, expected.y, dy);
    const auto gradients = reference::batch_norm_training_backward(x, gamma, g, c.epsilon, c.valid);
    const std::vector<Tensor> actual = run_gradients(norm, dy, {0, 1, 2}, options);
    // Of few cells dx is a difference of terms near 1 that cancel.
    EXPECT_EQ(reference::mismatch(actual[0], gradients.x, tolerance, 1), "");
    EXPECT_EQ(reference::mismatch(actual[1], gradients.gamma, tolerance, 1), "");
    EXPECT_EQ(reference::mismatch(actual[2], gradients.beta, tolerance, 1), "");
}

// Examples [first, first + count) of a tensor.
Tensor examples(const Tensor& whole, int64_t first, int64_t count) {
    Shape shape = whole.shape;
    shape[0] = count;
    Tensor part(shape);
    const int64_t each = whole.size() / whole.shape[0];
    std::copy_n(whole.data.begin() + first * each, count * each, part.data.begin());
    return part;
}

// Every ghost is a batch of its own; the moments are those of the whole batch, from raw sums.
void test_ghosts(RandomCases& random, const NormCase& c, int64_t ghost, const RunOptions& options = {}) {
    SCOPED_TRACE(text(describe(c), ", ghost ", ghost));
    const int64_t batch = c.shape[0], channels = c.shape.back(), each = Tensor(c.shape).size() / batch;
    const Tensor gamma = random.uniform({channels}, 0.5, 1.5), beta = random.uniform({channels}, -1, 4);
    const Tensor dy = random.uniform(c.shape), x = random.uniform(c.shape, c.mean - 1.7, c.mean + 1.7);
    OpCase norm{"normalisation", {x, gamma, beta}, {{"epsilon", c.epsilon}, {"examples", ghost}}};
    if (c.valid != all) norm.inputs.emplace_back(Tensor({1}, double(c.valid)));
    Tensor y(c.shape), dx(c.shape), dgamma({channels}), dbeta({channels}), mean({channels}), variance({channels});
    for (int64_t first = 0; first < batch; first += ghost) {
        const int64_t valid = c.valid == all ? all : std::clamp<int64_t>(c.valid - first, 0, ghost);
        const Tensor part = examples(x, first, ghost), dpart = examples(dy, first, ghost);
        const auto forward = reference::batch_norm_training(part, gamma, beta, c.epsilon, valid);
        const auto backward = reference::batch_norm_training_backward(part, gamma, dpart, c.epsilon, valid);
        std::copy(forward.y.data.begin(), forward.y.data.end(), y.data.begin() + first * each);
        std::copy(backward.x.data.begin(), backward.x.data.end(), dx.data.begin() + first * each);
        for (int64_t i = 0; i < channels; ++i) {
            dgamma[i] += backward.gamma[i];
            dbeta[i] += backward.beta[i];
        }
    }
    const auto whole = reference::batch_norm_training(x, gamma, beta, c.epsilon, c.valid);
    const std::vector<Tensor> outputs = run_all(norm, options);
    expect_near(outputs[0], y, tolerance);
    EXPECT_EQ(reference::mismatch(outputs[1], whole.mean, 2e-6, 1), "");
    expect_near(outputs[2], whole.variance, 1e-5);
    const std::vector<Tensor> actual = run_gradients(norm, dy, {0, 1, 2}, options);
    EXPECT_EQ(reference::mismatch(actual[0], dx, tolerance, 1), "");
    EXPECT_EQ(reference::mismatch(actual[1], dgamma, tolerance, 1), "");
    EXPECT_EQ(reference::mismatch(actual[2], dbeta, tolerance, 1), "");
}

} // namespace

struct BatchNormTraining : OpTest {};

TEST_F(BatchNormTraining, MatchesTheReferenceForEveryShape) {
    for (const Shape& shape : reference::shape_matrix(4)) test_training(random, {shape, 0.3});
    for (const Shape& shape :
         {Shape{4, 65}, Shape{257, 5}, Shape{129, 1}, Shape{2, 3, 12}, Shape{3, 2, 2, 5, 16}})
        test_training(random, {shape, -1});
}

TEST_F(BatchNormTraining, MatchesTheReferenceForTheShapesOfNetworks) {
    for (const Shape& shape : {Shape{128, 14, 14, 8}, Shape{128, 7, 7, 24}, Shape{128, 1, 1, 256},
                               Shape{8, 7, 7, 1280}, Shape{2, 112, 112, 32}})
        test_training(random, {shape, 0.5, "relu6"});
}

TEST_F(BatchNormTraining, TakesGhostsForBatchesOfTheirOwn) {
    for (const Shape& shape : {Shape{12, 3, 5, 3}, Shape{12, 4, 4, 16}, Shape{12, 7}, Shape{12, 1, 1, 64}, Shape{12, 9, 9, 24}})
        for (int64_t ghost : {1, 2, 4, 12}) test_ghosts(random, {shape, 0.7}, ghost);
    for (int64_t valid : {0, 1, 5, 8, 11}) test_ghosts(random, {{12, 3, 3, 8}, -0.4, "none", valid}, 4);
    test_ghosts(random, {{12, 5, 5, 20}, 1e4}, 3);
}

TEST_F(BatchNormTraining, WithGhostsOfTheWholeBatchIsTheSameBits) {
    const Tensor x = random.uniform({6, 5, 5, 12}), vector = random.uniform({12});
    const auto plain = run_all({"normalisation", {x, vector, vector}});
    const auto ghost = run_all({"normalisation", {x, vector, vector}, {{"examples", int64_t(6)}}});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(plain[size_t(i)].data, ghost[size_t(i)].data);
    EXPECT_EQ(refusal({"normalisation", {x, vector, vector}, {{"examples", int64_t(4)}}}),
              "Operator normalisation: sets of 4 examples do not divide the batch (6); choose a size that does.");
}

TEST_F(BatchNormTraining, AppliesTheActivation) {
    for (const char* activation : {"relu", "relu6", "sigmoid", "tanh"})
        for (int64_t channels : {3, 16}) test_training(random, {{7, 3, 5, channels}, 0, activation});
}

TEST_F(BatchNormTraining, LosesNothingToALargeMean) {
    for (double mean : {1e4, -1e4, 1e5}) test_training(random, {{32, 7, 7, 24}, mean});
    test_training(random, {{9, 5, 5, 20}, 1e4, "relu6", 6});
}

TEST_F(BatchNormTraining, CountsTheValidExamplesOnly) {
    for (int64_t valid : {0, 1, 3, 7})
        for (const char* activation : {"none", "sigmoid"})
            for (int64_t channels : {5, 8})
                test_training(random, {{7, 4, 3, channels}, 1, activation, valid});
    test_training(random, {{128, 7, 7, 16}, 0, "relu6", 100});
}

// A valid count of all examples is the same as none.
TEST_F(BatchNormTraining, GivesTheSameBitsWithoutAndWithAFullCount) {
    const Tensor x = random.uniform({6, 5, 5, 12}), vector = random.uniform({12}, 0.5, 1);
    EXPECT_EQ(run_all({"normalisation", {x, vector, vector}})[0].data,
              run_all({"normalisation", {x, vector, vector, Tensor({1}, 6.0)}})[0].data);
}

TEST_F(BatchNormTraining, HasNoVarianceInConstants) {
    for (double value : {0.0, 1e-20, 3.1415926, 1e4, -1e18}) {
        const Tensor x({5, 9, 7, 8}, double(float(value))), gamma({8}, 2.0), beta({8}, 0.5);
        const std::vector<Tensor> outputs = run_all({"normalisation", {x, gamma, beta}});
        EXPECT_EQ(outputs[0].data, Tensor(x.shape, 0.5).data);
        EXPECT_EQ(outputs[1].data, Tensor({8}, double(float(value))).data);
        EXPECT_EQ(outputs[2].data, Tensor({8}).data);
    }
}

// One value far from all others in each strand's first place: the worst for sums relative to it.
TEST_F(BatchNormTraining, SurvivesOutliers) {
    Tensor x = random.uniform({64, 7, 7, 8});
    for (int64_t c = 0; c < 8; ++c) x[c] = 1e4;
    const Tensor one({8}, 1.0), zero({8});
    const std::vector<Tensor> outputs = run_all({"normalisation", {x, one, zero}});
    const reference::BatchNorm expected = reference::batch_norm_training(x, one, zero, 1e-5);
    expect_near(outputs[0], expected.y, tolerance);
    expect_near(outputs[2], expected.variance, tolerance);
}

// Limits of one binding that cut the tensor into many slices.
TEST_F(BatchNormTraining, IsCutToWhatABindingCovers) {
    const RunOptions small{.device = device(4096)};
    test_training(random, {{11, 3, 3, 8}, 1e4, "none"}, small);
    test_training(random, {{17, 5, 3, 16}, 0, "relu6", 12}, small);
    test_training(random, {{70, 12}, 1, "relu"}, small);
    test_training(random, {{5, 5, 5, 13}, 1, "relu"}, small);
    test_training(random, {{128, 14, 14, 8}, 1, "relu6", 100}, {.device = device(1 << 17)});
}

// More slices than their sums fit one binding.
TEST_F(BatchNormTraining, RefusesMoreSlicesThanItCanMerge) {
    const Tensor x({20, 16, 16, 64}), vector({64});
    EXPECT_THROW(run({"normalisation", {x, vector, vector}}, {.device = device(4096)}), Error);
}

TEST_F(BatchNormTraining, RefusesWhatDoesNotFit) {
    const Tensor x({2, 3, 4}), four({4}), three({3});
    EXPECT_NE(refusal({"normalisation", {x, three, four}}).find("gamma"), std::string::npos);
    EXPECT_NE(refusal({"normalisation", {x, four, three}}).find("beta"), std::string::npos);
    EXPECT_NE(refusal({"normalisation", {x, four, four, three}}).find("valid"), std::string::npos);
    EXPECT_NE(refusal({"normalisation", {four, four, four}}).find("rank"), std::string::npos);
    EXPECT_NE(refusal({"normalisation", {x, four, four}, {{"activation", std::string("relu7")}}})
                  .find("relu6"),
              std::string::npos);
}

struct BatchNormGiven : OpTest {};

TEST_F(BatchNormGiven, MatchesTheReference) {
    std::vector<Shape> shapes = reference::shape_matrix(4);
    shapes.insert(shapes.end(), {{65, 7}, {3, 129}, {2, 3, 8}});
    for (const Shape& shape : shapes)
        for (const char* name : {"none", "relu6"}) {
            SCOPED_TRACE(text(to_string(shape), " ", name));
            const Shape channels{shape.back()};
            const reference::Activation activation = activation_of(name);
            const Tensor gamma = random.uniform(channels, -2, 2), beta = random.uniform(channels, -1, 4);
            const Tensor mean = random.uniform(channels), variance = random.uniform(channels, 0, 2);
            const Tensor dy = random.uniform(shape);
            Tensor x = random.uniform(shape, -3, 3);
            avoid_kinks(x, reference::batch_norm_inference(x, gamma, beta, mean, variance, 1e-3), activation);
            const OpCase norm{"batch_norm",
                              {x, gamma, beta, mean, variance},
                              {{"epsilon", 1e-3}, {"activation", std::string(name)}}};
            const Tensor y = reference::batch_norm_inference(x, gamma, beta, mean, variance, 1e-3);
            expect_near(run(norm), reference::activate(activation, y), tolerance);
            const auto expected = reference::batch_norm_inference_backward(
                x, gamma, mean, variance, reference::activate_backward(activation, y, dy), 1e-3);
            const std::vector<Tensor> actual = run_gradients(norm, dy, {0, 1, 2});
            expect_near(actual[0], expected.x, tolerance);
            EXPECT_EQ(reference::mismatch(actual[1], expected.gamma, tolerance, 1), "");
            EXPECT_EQ(reference::mismatch(actual[2], expected.beta, tolerance, 1), "");
        }
}

TEST_F(BatchNormGiven, IsCutToWhatABindingCovers) {
    const Shape shape{13, 5, 3, 24};
    const Tensor x = random.uniform(shape), vector = random.uniform({24}, 0.5, 2), dy = random.uniform(shape);
    const OpCase norm{"batch_norm", {x, vector, vector, vector, vector}};
    const RunOptions small{.device = device(4096)};
    expect_near(run(norm, small), reference::batch_norm_inference(x, vector, vector, vector, vector, 1e-5),
                tolerance);
    expect_near(run_gradients(norm, dy, {0}, small)[0],
                reference::batch_norm_inference_backward(x, vector, vector, vector, dy, 1e-5).x, tolerance);
}

} // namespace lemnos::test
