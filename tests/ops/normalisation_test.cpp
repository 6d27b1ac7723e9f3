// The normaliser in all its groupings, with the batch's moments and with given ones, and the gradients.
//
// Tolerances. The moments are sums in f32 of up to 25,088 cells, taken in strands of at most 128 whose
// results are merged, so their rounding stays below 128 units (2^-24 each); the sums of the gradient
// likewise. y, dx and the parameter gradients are a few operations more: 2e-5 of the largest element, the
// project's figure for normalisation.
#include "ops/harness.h"
#include "reference/elementwise.h"
#include "reference/normalisation.h"
#include "reference/published_normalisation.h"
#include "reference/shape.h"

namespace lemnos::test {

namespace {

constexpr double tolerance = 2e-5;
constexpr int64_t all = reference::all_examples;

using reference::Grouping;

struct NormCase {
    Shape shape;
    double mean = 0;
    std::string activation = "none";
    int64_t valid = all;
    double epsilon = 1e-5;
    Grouping grouping = {};
    DataType dtype = DataType::f32;
    bool residual = false;
};

std::string describe(const NormCase& c) {
    return text(name_of(c.dtype), " ", to_string(c.shape), ", mean ", c.mean, ", ", c.activation, ", valid ",
                c.valid, ", sets of ", c.grouping.examples, ", groups ", c.grouping.groups,
                c.residual ? ", with a residual" : "");
}

// The identity for "none".
reference::Activation activation_of(const std::string& name) {
    for (const reference::Activation& activation : reference::activations())
        if (activation.name == name) return activation;
    return {"none", [](double x) { return x; }, [](double) { return 1.0; }, {}};
}

// Without a residual, what does not count is 0 whatever the activation makes of 0.
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

// As the device holds it.
Tensor held(const Tensor& x, DataType dtype) {
    return dtype == DataType::f16 ? reference::cast(x, reference::NumberType::f16) : x;
}

void test_training(RandomCases& random, const NormCase& c, const RunOptions& options = {}) {
    SCOPED_TRACE(describe(c));
    const Shape channels{c.shape.back()};
    const Tensor gamma = random.uniform(channels, 0.5, 1.5), beta = random.uniform(channels, -1, 4);
    const Tensor dy = held(random.uniform(c.shape), c.dtype);
    const reference::Activation activation = activation_of(c.activation);
    Tensor x = held(random.uniform(c.shape, c.mean - 1.7, c.mean + 1.7), c.dtype);
    Tensor residual = c.residual ? held(random.uniform(c.shape, -2, 2), c.dtype) : Tensor(c.shape);
    const auto summed = [&](const Tensor& normalised) {
        Tensor sum = normalised;
        for (int64_t i = 0; i < sum.size(); ++i)
            sum[i] = (c.valid == all || i < sum.size() / c.shape[0] * c.valid ? sum[i] : 0) + residual[i];
        return sum;
    };
    Tensor& moved = c.residual ? residual : x;
    avoid_kinks(moved, summed(reference::normalisation(x, gamma, beta, c.epsilon, c.valid, c.grouping).y), activation);
    x = held(x, c.dtype);
    residual = held(residual, c.dtype);
    // Results in f16 are rounded to 11 bits.
    const double near = c.dtype == DataType::f16 ? 1e-3 : tolerance;

    OpCase norm{"normalisation",
                {Given(x, c.dtype), gamma, beta},
                {{"epsilon", c.epsilon},
                 {"activation", c.activation},
                 {"examples", c.grouping.examples},
                 {"groups", c.grouping.groups}}};
    if (c.valid != all) norm.inputs.emplace_back(Tensor({1}, double(c.valid)));
    if (c.residual) {
        if (c.valid == all) norm.inputs.emplace_back(Tensor());
        norm.inputs.emplace_back(residual, c.dtype);
    }
    const std::vector<Tensor> outputs = run_all(norm, options);
    const reference::BatchNorm expected =
        reference::normalisation(x, gamma, beta, c.epsilon, c.valid, c.grouping);
    const Tensor sum = c.residual ? summed(expected.y) : expected.y;
    Tensor y = reference::activate(activation, sum);
    if (!c.residual) clear_from(y, c.valid);
    expect_near(outputs[0], y, near);
    // The mean may be near 0 while its terms are near 1.
    EXPECT_EQ(reference::mismatch(outputs[1], expected.mean, 2e-6, 1), "");
    expect_near(outputs[2], expected.variance, 1e-5);

    const Tensor g = reference::activate_backward(activation, sum, dy);
    const auto gradients = reference::normalisation_backward(x, gamma, g, c.epsilon, c.valid, c.grouping);
    const std::vector<Tensor> actual =
        run_gradients(norm, dy, c.residual ? std::vector{0, 1, 2, 4} : std::vector{0, 1, 2}, options);
    if (c.residual) expect_near(actual[3], g, near);
    // Of few cells dx is a difference of terms near 1 that cancel.
    EXPECT_EQ(reference::mismatch(actual[0], gradients.x, near, 1), "");
    EXPECT_EQ(reference::mismatch(actual[1], gradients.gamma, tolerance, 1), "");
    EXPECT_EQ(reference::mismatch(actual[2], gradients.beta, tolerance, 1), "");
}

} // namespace

struct NormalisationTraining : OpTest {};

TEST_F(NormalisationTraining, MatchesTheReferenceForEveryShape) {
    for (const Shape& shape : reference::shape_matrix(4)) test_training(random, {shape, 0.3});
    for (const Shape& shape :
         {Shape{4, 65}, Shape{257, 5}, Shape{129, 1}, Shape{2, 3, 12}, Shape{3, 2, 2, 5, 16}})
        test_training(random, {shape, -1});
}

TEST_F(NormalisationTraining, MatchesTheReferenceForTheShapesOfNetworks) {
    for (const Shape& shape : {Shape{128, 14, 14, 8}, Shape{128, 7, 7, 24}, Shape{128, 1, 1, 256},
                               Shape{8, 7, 7, 1280}, Shape{2, 112, 112, 32}})
        test_training(random, {shape, 0.5, "relu6"});
}

// Small sets take one dispatch on a CPU; what is just too large for it, in rows or bytes, takes those of all other devices.
TEST_F(NormalisationTraining, MatchesTheReferenceOnBothSidesOfSmallSets) {
    for (const Shape& shape : {Shape{8192, 3}, Shape{8193, 3}, Shape{2, 64, 64, 10}, Shape{2, 64, 64, 11}, Shape{318, 257},
                               Shape{319, 257}, Shape{8193, 1}})
        test_training(random, {shape, -0.6, "relu6"});
    for (int64_t channels : {1, 3, 4, 5, 8, 12, 24, 31, 72})
        for (const DataType dtype : {DataType::f32, DataType::f16})
            for (const bool residual : {false, true})
                test_training(random, {.shape = {6, 53, 53, channels},
                                       .mean = 2,
                                       .activation = "relu6",
                                       .valid = residual ? 4 : all,
                                       .grouping = {residual ? 3 : 0, 0},
                                       .dtype = dtype,
                                       .residual = residual});
}

TEST_F(NormalisationTraining, NormalisesSetsOfExamplesOnTheirOwn) {
    for (const Shape& shape :
         {Shape{12, 3, 5, 3}, Shape{12, 4, 4, 16}, Shape{12, 7}, Shape{12, 1, 1, 64}, Shape{12, 9, 9, 24}})
        for (int64_t examples : {1, 2, 4, 12})
            test_training(random, {.shape = shape, .mean = 0.7, .grouping = {examples, 0}});
    for (int64_t valid : {0, 1, 5, 8, 11})
        test_training(random, {.shape = {12, 3, 3, 8},
                               .mean = -0.4,
                               .activation = "relu6",
                               .valid = valid,
                               .grouping = {4, 0}});
    test_training(random, {.shape = {12, 5, 5, 20}, .mean = 1e4, .grouping = {3, 0}});
    test_training(random, {.shape = {64, 7, 7, 40}, .mean = 1, .activation = "relu6", .grouping = {1, 0}});
}

TEST_F(NormalisationTraining, NormalisesGroupsOfChannelsTogether) {
    for (const Shape& shape :
         {Shape{6, 3, 5, 12}, Shape{6, 4, 4, 24}, Shape{6, 36}, Shape{6, 1, 1, 60}, Shape{6, 9, 9, 12}})
        for (const Grouping& grouping : {Grouping{1, 1}, Grouping{1, 4}, Grouping{2, 3}, Grouping{0, 12},
                                         Grouping{3, 12}, Grouping{0, 1}})
            for (const char* activation : {"none", "relu6"})
                test_training(random,
                              {.shape = shape, .mean = 0.7, .activation = activation, .grouping = grouping});
    for (int64_t valid : {0, 1, 5, 8, 11})
        for (int64_t examples : {0, 1, 4})
            test_training(random, {.shape = {12, 3, 3, 8},
                                   .mean = -0.4,
                                   .activation = "relu",
                                   .valid = valid,
                                   .grouping = {examples, 2}});
    for (double mean : {1e4, -1e5})
        test_training(random, {.shape = {4, 5, 5, 20}, .mean = mean, .grouping = {2, 4}});
    test_training(random, {.shape = {2, 7, 7, 1280}, .mean = 1, .activation = "relu6", .grouping = {1, 1}});
    test_training(random, {.shape = {8, 14, 14, 64}, .mean = 1, .activation = "relu6", .grouping = {2, 32}});
}

TEST_F(NormalisationTraining, TakesGroupings) { // of random sizes
    for (int i = 0; i < 60; ++i) {
        const auto number = [&](int64_t least, int64_t most) {
            return least + int64_t(random.number(0, 1) * double(most - least + 1 - 1e-9));
        };
        const int64_t sets = number(1, 5), examples = number(1, 4), groups = number(1, 6),
                      span = number(1, 9);
        NormCase c{.shape = {sets * examples, number(1, 9), number(1, 9), groups * span},
                   .mean = random.number(-3, 3)};
        c.grouping = {examples, number(0, 2) ? groups : 0};
        if (number(0, 1)) c.valid = number(0, sets * examples);
        c.activation = number(0, 1) ? "relu6" : "none";
        if (number(0, 3) == 0) c.dtype = DataType::f16;
        test_training(random, c);
    }
}

// Tensors of 16 bits: every number of channels, also those whose rows begin in the middle of a word.
TEST_F(NormalisationTraining, ComputesHalvesInF32) {
    for (int64_t channels : {1, 3, 4, 5, 8, 12, 16, 31})
        for (const Grouping& grouping : {Grouping{}, Grouping{2, 0}, Grouping{1, 1}})
            test_training(random, {.shape = {6, 3, 5, channels},
                                   .mean = 0.5,
                                   .activation = "relu6",
                                   .grouping = grouping,
                                   .dtype = DataType::f16});
    test_training(random, {.shape = {7, 5, 5, 13}, .mean = 100, .valid = 4, .dtype = DataType::f16});
    test_training(random,
                  {.shape = {32, 14, 14, 96}, .mean = 2, .activation = "relu6", .dtype = DataType::f16});
}

TEST_F(NormalisationTraining, WithGhostsOfTheWholeBatchIsTheSameBits) {
    const Tensor x = random.uniform({6, 5, 5, 12}), vector = random.uniform({12});
    const auto plain = run_all({"normalisation", {x, vector, vector}});
    const auto ghost = run_all({"normalisation", {x, vector, vector}, {{"examples", int64_t(6)}}});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(plain[size_t(i)].data, ghost[size_t(i)].data);
    EXPECT_EQ(
        refusal({"normalisation", {x, vector, vector}, {{"examples", int64_t(4)}}}),
        "Operator normalisation: sets of 4 examples do not divide the batch (6); choose a size that does.");
}

TEST_F(NormalisationTraining, AppliesTheActivation) {
    for (const char* activation : {"relu", "relu6", "sigmoid", "tanh"})
        for (int64_t channels : {3, 16}) test_training(random, {{7, 3, 5, channels}, 0, activation});
}

TEST_F(NormalisationTraining, AddsAResidual) {
    for (const Shape& shape : {Shape{6, 5, 3, 7}, Shape{6, 4, 4, 16}, Shape{12, 65}})
        for (const char* name : {"none", "relu", "relu6", "sigmoid"})
            for (int64_t valid : {all, int64_t(5), int64_t(0)}) {
                test_training(random, {.shape = shape, .activation = name, .valid = valid, .residual = true});
                test_training(random, {.shape = shape, .activation = name, .valid = valid, .grouping = {3, 1}, .residual = true});
            }
    test_training(random, {.shape = {6, 4, 4, 12}, .activation = "relu", .dtype = DataType::f16, .residual = true});
    for (int64_t range : {4096, 1 << 14}) // cut to what a binding covers
        test_training(random, {.shape = {16, 4, 8, 12}, .activation = "relu", .valid = 7, .residual = true}, {.device = device(range)});
}

TEST_F(NormalisationTraining, LosesNothingToALargeMean) {
    for (double mean : {1e4, -1e4, 1e5}) test_training(random, {{32, 7, 7, 24}, mean});
    test_training(random, {{9, 5, 5, 20}, 1e4, "relu6", 6});
}

TEST_F(NormalisationTraining, CountsTheValidExamplesOnly) {
    for (int64_t valid : {0, 1, 3, 7})
        for (const char* activation : {"none", "sigmoid"})
            for (int64_t channels : {5, 8})
                test_training(random, {{7, 4, 3, channels}, 1, activation, valid});
    test_training(random, {{128, 7, 7, 16}, 0, "relu6", 100});
}

// A valid count of all examples is the same as none.
TEST_F(NormalisationTraining, GivesTheSameBitsWithoutAndWithAFullCount) {
    const Tensor x = random.uniform({6, 5, 5, 12}), vector = random.uniform({12}, 0.5, 1);
    EXPECT_EQ(run_all({"normalisation", {x, vector, vector}})[0].data,
              run_all({"normalisation", {x, vector, vector, Tensor({1}, 6.0)}})[0].data);
}

TEST_F(NormalisationTraining, HasNoVarianceInConstants) {
    for (double value : {0.0, 1e-20, 3.1415926, 1e4, -1e18}) {
        const Tensor x({5, 9, 7, 8}, double(float(value))), gamma({8}, 2.0), beta({8}, 0.5);
        const std::vector<Tensor> outputs = run_all({"normalisation", {x, gamma, beta}});
        EXPECT_EQ(outputs[0].data, Tensor(x.shape, 0.5).data);
        EXPECT_EQ(outputs[1].data, Tensor({8}, double(float(value))).data);
        EXPECT_EQ(outputs[2].data, Tensor({8}).data);
    }
}

// One value far from all others in each strand's first place: the worst for sums relative to it.
TEST_F(NormalisationTraining, SurvivesOutliers) {
    Tensor x = random.uniform({64, 7, 7, 8});
    for (int64_t c = 0; c < 8; ++c) x[c] = 1e4;
    const Tensor one({8}, 1.0), zero({8});
    const std::vector<Tensor> outputs = run_all({"normalisation", {x, one, zero}});
    const reference::BatchNorm expected = reference::normalisation(x, one, zero, 1e-5);
    expect_near(outputs[0], expected.y, tolerance);
    expect_near(outputs[2], expected.variance, tolerance);
}

// Limits of one binding that cut the tensor into many slices.
TEST_F(NormalisationTraining, IsCutToWhatABindingCovers) {
    const RunOptions small{.device = device(4096)};
    test_training(random, {{11, 3, 3, 8}, 1e4, "none"}, small);
    test_training(random, {{17, 5, 3, 16}, 0, "relu6", 12}, small);
    test_training(random, {{70, 12}, 1, "relu"}, small);
    test_training(random, {{5, 5, 5, 13}, 1, "relu"}, small);
    test_training(random, {{128, 14, 14, 8}, 1, "relu6", 100}, {.device = device(1 << 17)});
    for (const Grouping& grouping : {Grouping{1, 0}, Grouping{2, 2}, Grouping{6, 4}, Grouping{0, 1}})
        for (const DataType dtype : {DataType::f32, DataType::f16}) {
            test_training(random,
                          {.shape = {12, 3, 3, 8},
                           .mean = 1,
                           .activation = "relu",
                           .grouping = grouping,
                           .dtype = dtype},
                          small);
            test_training(
                random, {.shape = {6, 5, 5, 12}, .mean = 1, .valid = 4, .grouping = grouping, .dtype = dtype},
                small);
        }
    for (const DataType dtype : {DataType::f32, DataType::f16})
        test_training(random, {.shape = {4, 9, 9, 5}, .mean = 1, .grouping = {2, 0}, .dtype = dtype}, small);
    // Columns of eight, and slices of halves that begin between two of the places where bindings may.
    struct Cut {
        int64_t channels;
        Grouping grouping;
    };
    for (const Cut& cut : {Cut{8, {1, 1}}, Cut{8, {3, 2}}, Cut{8, {0, 0}}, Cut{24, {3, 2}}, Cut{24, {0, 0}}})
        for (int64_t valid : {all, int64_t(7)})
            test_training(random,
                          {.shape = {15, 3, 3, cut.channels},
                           .mean = 1,
                           .activation = "relu6",
                           .valid = valid,
                           .grouping = cut.grouping,
                           .dtype = DataType::f16,
                           .residual = valid == all && cut.channels == 8},
                          small);
}

// More slices than their sums fit one binding.
// What a backward pass that has not kept the result makes of the argument and the coefficients.
TEST_F(NormalisationTraining, IsMadeAgainBitForBit) {
    const auto check = [&](const NormCase& c, const RunOptions& options = {}) {
        SCOPED_TRACE(describe(c));
        Graph graph;
        const TensorType vector{DataType::f32, {c.shape.back()}};
        const Value x = graph.input("x", {c.dtype, c.shape}), gamma = graph.input("gamma", vector),
                    beta = graph.input("beta", vector), mean = graph.input("mean", vector),
                    variance = graph.input("variance", vector), valid = graph.input("valid", {DataType::f32, {1}});
        const Value counted = c.valid == all ? Value{} : valid;
        const Value residual = c.residual ? graph.input("residual", {c.dtype, c.shape}) : Value{};
        const Attributes attributes{{"activation", c.activation}, {"examples", c.grouping.examples}, {"groups", c.grouping.groups}};
        const std::vector<Value> inputs{x, gamma, beta, counted, residual}, given_inputs{x, gamma, beta, mean, variance, {}, residual};
        const Value y = graph.add("normalisation", inputs, attributes);
        const Value given = graph.add("batch_norm", given_inputs, {{"activation", c.activation}});
        std::map<Value, Given> values{{x, Given(held(random.uniform(c.shape, c.mean - 1, c.mean + 1), c.dtype), c.dtype)}};
        for (Value leaf : {gamma, beta, mean, variance}) values.insert({leaf, random.uniform(vector.shape, 0.5, 1.5)});
        if (counted) values.insert({valid, Tensor({1}, double(c.valid))});
        if (residual) values.insert({residual, Given(held(random.uniform(c.shape, -1, 1), c.dtype), c.dtype)});
        const Value again = find_operator("normalisation").again(graph, y, inputs);
        const Value given_again = find_operator("batch_norm").again(graph, given, given_inputs);
        const std::vector<Tensor> results = run_graph(graph, values, {y, again, given, given_again}, options);
        EXPECT_EQ(results[1].data, results[0].data);
        EXPECT_EQ(results[3].data, results[2].data);
    };
    for (int64_t channels : {3, 8, 12})
        for (const Grouping& grouping : {Grouping{}, Grouping{2, 0}, Grouping{1, 1}})
            for (const DataType dtype : {DataType::f32, DataType::f16})
                for (const bool residual : {false, true})
                    check({.shape = {6, 5, 3, channels},
                           .mean = 1e3,
                           .activation = "relu6",
                           .valid = 5,
                           .grouping = grouping,
                           .dtype = dtype,
                           .residual = residual});
    check({.shape = {32, 14, 14, 24}, .mean = 2, .activation = "sigmoid"});
    check({.shape = {12, 3, 3, 8}, .mean = 1, .activation = "relu", .grouping = {6, 4}}, {.device = device(4096)});
    check({.shape = {17, 5, 3, 16}, .mean = 1, .valid = 12}, {.device = device(4096)});
}

TEST_F(NormalisationTraining, RefusesMoreSlicesThanItCanMerge) {
    const Tensor x({20, 16, 16, 64}), vector({64});
    EXPECT_THROW(run({"normalisation", {x, vector, vector}}, {.device = device(4096)}), Error);
}

TEST_F(NormalisationTraining, RefusesWhatDoesNotFit) {
    const Tensor x({2, 3, 4}), four({4}), three({3});
    EXPECT_NE(refusal({"normalisation", {x, three, four}}).find("gamma"), std::string::npos);
    EXPECT_NE(refusal({"normalisation", {x, four, three}}).find("beta"), std::string::npos);
    EXPECT_NE(refusal({"normalisation", {x, four, four, three}}).find("valid"), std::string::npos);
    EXPECT_NE(refusal({"normalisation", {four, four, four}}).find("rank"), std::string::npos);
    EXPECT_NE(
        refusal({"normalisation", {x, four, four}, {{"activation", std::string("relu7")}}}).find("relu6"),
        std::string::npos);
    EXPECT_EQ(refusal({"normalisation", {x, four, four, Tensor(), Tensor({2, 4, 4})}}),
              "Operator normalisation: the input residual (f32 2 x 4 x 4) is not of the type and shape of x (f32 2 x 3 x 4).");
    EXPECT_EQ(refusal({"batch_norm", {x, four, four, four, four, Tensor(), Tensor({2, 3})}}),
              "Operator batch_norm: the input residual (f32 2 x 3) is not of the type and shape of x (f32 2 x 3 x 4).");
}

struct BatchNormGiven : OpTest {};

// With alpha negative: without it.
static void test_given(RandomCases& random, const Shape& shape, const std::string& name, double alpha,
                       int64_t groups, DataType dtype = DataType::f32, const RunOptions& options = {}, bool adds = false) {
    SCOPED_TRACE(
        text(to_string(shape), " ", name, ", alpha ", alpha, ", groups ", groups, " ", name_of(dtype), adds ? ", residual" : ""));
    const Shape channels{shape.back()};
    const double near = dtype == DataType::f16 ? 1e-3 : tolerance;
    const reference::Activation activation = activation_of(name);
    const Tensor gamma = random.uniform(channels, -2, 2), beta = random.uniform(channels, -1, 4);
    const Tensor mean = random.uniform(channels), variance = random.uniform(channels, 0.1, 2);
    const Tensor dy = held(random.uniform(shape), dtype);
    Tensor x = random.uniform(shape, -3, 3);
    const Tensor residual = adds ? held(random.uniform(shape, -2, 2), dtype) : Tensor(shape);
    const auto normalise = [&] {
        Tensor y = reference::batch_norm_weighed(x, gamma, beta, mean, variance, std::max(alpha, 0.0), 1e-3, groups);
        for (int64_t i = 0; i < y.size(); ++i) y[i] += residual[i];
        return y;
    };
    avoid_kinks(x, normalise(), activation);
    x = held(x, dtype);
    OpCase norm{"batch_norm",
                {Given(x, dtype), gamma, beta, mean, variance},
                {{"epsilon", 1e-3}, {"activation", name}, {"groups", groups}}};
    if (alpha >= 0) norm.inputs.emplace_back(Tensor({1}, {alpha}));
    if (adds) {
        if (alpha < 0) norm.inputs.emplace_back(Tensor());
        norm.inputs.emplace_back(residual, dtype);
    }
    const Tensor y = normalise();
    expect_near(run(norm, options), reference::activate(activation, y), near);
    if (alpha >= 0) return;
    const Tensor g = reference::activate_backward(activation, y, dy);
    const auto expected = reference::batch_norm_inference_backward(x, gamma, mean, variance, g, 1e-3, groups);
    const std::vector<Tensor> actual = run_gradients(norm, dy, adds ? std::vector{0, 1, 2, 6} : std::vector{0, 1, 2}, options);
    if (adds) expect_near(actual[3], g, near);
    expect_near(actual[0], expected.x, near);
    EXPECT_EQ(reference::mismatch(actual[1], expected.gamma, tolerance, 1), "");
    EXPECT_EQ(reference::mismatch(actual[2], expected.beta, tolerance, 1), "");
}

TEST_F(BatchNormGiven, MatchesTheReference) {
    std::vector<Shape> shapes = reference::shape_matrix(4);
    shapes.insert(shapes.end(), {{65, 7}, {3, 129}, {2, 3, 8}});
    for (const Shape& shape : shapes)
        for (const char* name : {"none", "relu6"}) test_given(random, shape, name, -1, 0);
    for (int64_t groups : {1, 2, 6, 24}) test_given(random, {3, 5, 3, 24}, "relu6", -1, groups);
}

TEST_F(BatchNormGiven, AddsAResidual) {
    for (const char* name : {"none", "relu", "tanh"})
        for (double alpha : {-1.0, 0.25}) {
            test_given(random, {3, 5, 3, 12}, name, alpha, 0, DataType::f32, {}, true);
            test_given(random, {3, 4, 4, 7}, name, alpha, 0, DataType::f32, {}, true);
        }
    test_given(random, {16, 4, 8, 12}, "relu6", -1, 0, DataType::f32, {.device = device(4096)}, true);
    test_given(random, {3, 5, 3, 12}, "none", -1, 0, DataType::f16, {}, true);
}

TEST_F(BatchNormGiven, WeighsTheExamplesOwnMoments) {
    for (double alpha : {0.0, 1.0 / 128, 0.25, 0.9, 1.0})
        for (const Shape& shape :
             {Shape{5, 3, 5, 12}, Shape{3, 7, 7, 24}, Shape{4, 9, 9, 6}, Shape{2, 2, 2, 64}})
            for (int64_t groups : {0, 1, 3})
                if (groups == 0 || shape.back() % groups == 0)
                    test_given(random, shape, "relu6", alpha, groups);
    test_given(random, {5, 3, 5, 12}, "none", 0.25, 4, DataType::f16);
    test_given(random, {5, 5, 5, 16}, "relu", 0.25, 0, DataType::f32, {.device = device(4096)});
}

// With alpha 0 the same bits as without it, whatever the example holds.
TEST_F(BatchNormGiven, IsTheSameWithoutAlphaAndWithNone) {
    const Tensor x = random.uniform({4, 5, 5, 12}, -1e4, 1e4), gamma = random.uniform({12}),
                 mean = random.uniform({12}, -50, 50), variance = random.uniform({12}, 0.5, 1);
    for (int64_t groups : {0, 4}) {
        const Attributes attributes{{"groups", groups}};
        EXPECT_EQ(run({"batch_norm", {x, gamma, gamma, mean, variance}, attributes}).data,
                  run({"batch_norm", {x, gamma, gamma, mean, variance, Tensor({1})}, attributes}).data);
    }
}

TEST_F(BatchNormGiven, HasNoGradientWithAlpha) {
    const Tensor x({2, 3, 4}), four({4}, 1.0);
    const OpCase norm{"batch_norm", {x, four, four, four, four, Tensor({1}, 0.5)}};
    EXPECT_THROW(run_gradients(norm, x, {0}), Error);
    EXPECT_NE(refusal({"batch_norm", {x, four, four, four, four, four}}).find("alpha"), std::string::npos);
    EXPECT_EQ(refusal({"batch_norm", {x, four, four, four, four}, {{"groups", int64_t(3)}}}),
              "Operator batch_norm: 3 groups do not divide the 4 channels of x (f32 2 x 3 x 4).");
}

TEST_F(BatchNormGiven, IsCutToWhatABindingCovers) {
    test_given(random, {13, 5, 3, 24}, "relu6", -1, 0, DataType::f32, {.device = device(4096)});
    test_given(random, {13, 5, 3, 24}, "relu6", -1, 3, DataType::f16, {.device = device(4096)});
}

// The published vectors (test-vectors.md, section 5.4) and what the method promises.
struct Normalisation : OpTest {
    static OpCase case_of(const Tensor& x, const Grouping& grouping) {
        const Tensor one({x.shape.back()}, 1.0), zero({x.shape.back()});
        return {
            "normalisation", {x, one, zero}, {{"examples", grouping.examples}, {"groups", grouping.groups}}};
    }
};

TEST_F(Normalisation, GivesThePublishedNumbers) {
    using namespace reference::published_normalisation;
    for (const Row& row : rows()) {
        SCOPED_TRACE(row.name);
        const std::vector<Tensor> outputs = run_all(case_of(examples(), row.grouping));
        EXPECT_EQ(reference::mismatch(outputs[0], row.y, 1e-5, 1), "");
        expect_near(outputs[1], Tensor({2}, {1.5, 1.5}), 1e-6); // of the whole batch, whatever the grouping
        expect_near(outputs[2], Tensor({2}, {5.25, 7.25}), 1e-6);
    }
    const Tensor one({2}, 1.0), zero({2});
    const Tensor mean({2}, {0.015, 0.015}), variance({2}, {1.064775, 1.084775});
    for (const auto& [alpha, y] : weighed_rows()) {
        const Tensor whole =
            run({"batch_norm", {examples(), one, zero, mean, variance, Tensor({1}, {alpha})}});
        EXPECT_EQ(reference::mismatch(reference::slice(whole, {0, 0, 0, 0}, {1, 1, 2, 2}), y, 1e-5, 1), "");
    }
}

// Of n cells one of which differs from all others, it is sqrt(n - 1) deviations away, and none can be farther.
TEST_F(Normalisation, IsBoundedByTheNumberOfCells) {
    for (int64_t n : {2, 4, 16, 128}) {
        Tensor x({n, 1, 1, 4});
        for (int64_t c = 0; c < 4; ++c) x[c] = 1e4;
        const Tensor y = run(case_of(x, {}));
        EXPECT_NEAR(y[0], std::sqrt(double(n - 1)), 1e-5 * std::sqrt(double(n)));
        // An example so far away that only its own moments count: with alpha = 1 / B it is bounded alike. With one cell an
        // example, its own variance is 0.
        const Tensor one({4}, 1.0), zero({4});
        const Tensor weighed = run({"batch_norm",
                                    {reference::slice(x, {0, 0, 0, 0}, {1, 1, 1, 4}), one, zero, zero, one,
                                     Tensor({1}, {1.0 / double(n)})}});
        EXPECT_NEAR(weighed[0], std::sqrt(double(n - 1)), 1e-3 * std::sqrt(double(n)));
    }
}

TEST_F(Normalisation, StartsAsTheIdentityAtInference) {
    const Tensor x = random.uniform({3, 5, 5, 8}, -2, 2), one({8}, 1.0), zero({8});
    Tensor expected = x;
    for (double& value : expected.data) value /= std::sqrt(1 + 1e-5);
    expect_near(run({"batch_norm", {x, one, zero, zero, one}}), expected, 1e-6);
}

// Alpha 1 is instance normalisation, and group normalisation over groups.
TEST_F(Normalisation, OfOneExampleIsWhatAlphaOneGives) {
    const Tensor x = random.uniform({3, 5, 5, 12}, -2, 2), one({12}, 1.0), zero({12}),
                 mean = random.uniform({12}), variance({12}, 0.7);
    for (int64_t groups : {0, 1, 4})
        expect_near(
            run({"batch_norm", {x, one, zero, mean, variance, Tensor({1}, 1.0)}, {{"groups", groups}}}),
            run(case_of(x, {1, groups})), 2e-6);
}

} // namespace lemnos::test
