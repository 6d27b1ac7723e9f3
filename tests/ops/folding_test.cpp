// A normalisation folded into the convolution before it.
//
// Tolerances. A folded weight is a sum, a square root (3 units of 2^-24), a division (3) and a product away
// from what it is made of: 8 units, 5e-7 of the weight. A bias may cancel, so it is held against the largest
// one.
#include "ops/harness.h"
#include "reference/convolution.h"
#include "reference/folding.h"
#include "reference/normalisation.h"

namespace lemnos::test {

namespace {

struct Fold {
    Tensor filter, bias, gamma, beta, mean, variance; // bias: empty where there is none
    double epsilon;

    OpCase op_case() const {
        OpCase fold{"fold_batch_norm", {filter, gamma, beta, mean, variance}, {{"epsilon", epsilon}}};
        if (!bias.empty()) fold.inputs.emplace_back(bias);
        return fold;
    }
    reference::FoldedConvolution expected() const {
        return reference::fold_batch_norm(filter, bias, gamma, beta, mean, variance, epsilon);
    }
};

Fold random_fold(RandomCases& random, const Shape& shape, bool biased, double epsilon = 1e-5) {
    const Shape channels{shape.back()};
    return {random.uniform(shape),
            biased ? random.uniform(channels) : Tensor(),
            random.uniform(channels, -2, 2),
            random.uniform(channels),
            random.uniform(channels),
            random.uniform(channels, 1e-3, 4),
            epsilon};
}

} // namespace

struct Folding : OpTest {};

TEST_F(Folding, MatchesTheReference) {
    const Shape shapes[] = {{1, 1, 1, 1},
                            {3, 3, 1, 8},
                            {3, 3, 1, 33}, // depthwise
                            {3, 3, 4, 12},
                            {5, 3, 2, 7}, // grouped
                            {1, 1, 17, 65},
                            {3, 3, 3, 16},
                            {7, 7, 3, 129}, // dense
                            {1, 1, 320, 128},
                            {16, 10},
                            {15, 5},
                            {17, 257}, // pointwise and linear
                            {9}};
    for (const Shape& shape : shapes)
        for (bool biased : {false, true})
            for (double epsilon : {1e-5, 1e-3}) {
                SCOPED_TRACE(text(to_string(shape), biased ? ", bias, epsilon " : ", epsilon ", epsilon));
                const Fold fold = random_fold(random, shape, biased, epsilon);
                const std::vector<Tensor> folded = run_all(fold.op_case());
                expect_near_elementwise(folded[0], fold.expected().filter, 5e-7, 0);
                expect_near(folded[1], fold.expected().bias, 5e-7);
            }
}

// What the formula is for, in double: the folded convolution is the convolution with the normalisation after
// it.
TEST_F(Folding, ReferenceEqualsTheConvolutionAndTheNormalisation) {
    const struct {
        Shape filter;
        int64_t channels, groups;
    } cases[] = {{{3, 3, 3, 5}, 3, 1}, {{3, 3, 1, 6}, 6, 6}, {{3, 3, 2, 9}, 6, 3}};
    for (const auto& c : cases)
        for (bool biased : {false, true}) {
            SCOPED_TRACE(text(to_string(c.filter), biased ? ", bias" : ""));
            const Fold fold = random_fold(random, c.filter, biased);
            const Tensor x = random.uniform({2, 5, 4, c.channels});
            reference::Conv2d geometry;
            geometry.groups = c.groups;
            const auto folded = fold.expected();
            const Tensor y = reference::conv2d(x, fold.filter, fold.bias, geometry);
            expect_near(reference::conv2d(x, folded.filter, folded.bias, geometry),
                        reference::batch_norm_inference(y, fold.gamma, fold.beta, fold.mean, fold.variance,
                                                        fold.epsilon),
                        1e-12);
        }
}

// A range of the channels, one of the inputs, or both: blocks of the whole.
TEST_F(Folding, GivesParts) {
    const struct {
        Shape filter;
        std::vector<int64_t> channels, inputs;
    } cases[] = {{{1, 1, 16, 24}, {8, 8}, {0, 0}},   {{3, 3, 1, 33}, {30, 3}, {0, 0}}, {{1, 1, 40, 12}, {0, 0}, {16, 24}},
                 {{1, 1, 40, 12}, {0, 0}, {39, 0}}, {{1, 1, 37, 65}, {5, 60}, {1, 36}}, {{9, 10}, {9, 1}, {0, 4}},
                 {{7, 7, 3, 9}, {4, 0}, {0, 0}}};
    for (const auto& c : cases)
        for (bool biased : {false, true}) {
            SCOPED_TRACE(text(to_string(c.filter), biased ? ", bias" : ""));
            const Fold fold = random_fold(random, c.filter, biased);
            OpCase part = fold.op_case();
            part.attributes.set("channels", c.channels);
            part.attributes.set("inputs", c.inputs);
            const int64_t all = c.filter.back(), inputs = c.filter[c.filter.size() - 2];
            const int64_t channels = c.channels[1] ? c.channels[1] : all - c.channels[0];
            const int64_t rows = c.inputs[1] ? c.inputs[1] : inputs - c.inputs[0];
            const auto whole = fold.expected();
            Shape shape = c.filter;
            shape.back() = channels;
            shape[shape.size() - 2] = rows;
            Tensor filter(shape), bias(Shape{channels});
            for (int64_t i = 0; i < filter.size(); ++i)
                filter[i] = whole.filter[(i / channels + c.inputs[0]) * all + c.channels[0] + i % channels];
            for (int64_t i = 0; i < channels; ++i) bias[i] = whole.bias[c.channels[0] + i];
            const std::vector<Tensor> folded = run_all(part);
            expect_near_elementwise(folded[0], filter, 5e-7, 0);
            expect_near(folded[1], bias, 2e-6);
        }
}

TEST_F(Folding, RefusesPartsThatAreNotThere) {
    OpCase fold = random_fold(random, {3, 3, 2, 6}, false).op_case();
    fold.attributes.set("channels", std::vector<int64_t>{4, 3});
    EXPECT_EQ(refusal(fold), "Operator fold_batch_norm: the channels 4 to 6 are not of the 6 of filter.");
    fold.attributes.set("channels", std::vector<int64_t>{6, 0});
    EXPECT_EQ(refusal(fold), "Operator fold_batch_norm: the first channel (6) is not of the 6 of filter.");
    fold.attributes.set("channels", std::vector<int64_t>{0, 0});
    fold.attributes.set("inputs", std::vector<int64_t>{1, 1});
    EXPECT_EQ(refusal(fold), "Operator fold_batch_norm: a filter (f32 3 x 3 x 2 x 6) of more than one tap has no range of inputs.");
    fold.attributes.set("inputs", std::vector<int64_t>{1, 2});
    EXPECT_EQ(refusal(fold), "Operator fold_batch_norm: the inputs 1 to 2 are not of the 2 of filter.");
}

TEST_F(Folding, RefusesOtherChannels) {
    OpCase fold = random_fold(random, {3, 3, 2, 6}, true).op_case();
    fold.inputs[5] = Tensor(Shape{5});
    EXPECT_EQ(refusal(fold),
              "Operator fold_batch_norm: the input bias (f32 5) does not have one value for each of the 6 "
              "channels of filter (f32 3 x 3 x 2 x 6).");
}

} // namespace lemnos::test
