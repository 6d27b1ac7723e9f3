// The references are what kernels are held against, so they are tested first: forwards against values from
// publications or worked out by hand, backwards against central differences of the forwards.
#include "reference/convolution.h"
#include "reference/elementwise.h"
#include "reference/expect.h"
#include "reference/loss.h"
#include "reference/normalisation.h"
#include "reference/published_normalisation.h"
#include "reference/pooling.h"
#include "reference/random_cases.h"
#include "reference/reduction.h"
#include "reference/resize.h"
#include "reference/shape.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

namespace lemnos::reference {
namespace {

constexpr double exact = 1e-14;  // a few roundings of double
constexpr double printed = 1e-9; // values published with nine digits

// 0, 1, 2, ...
Tensor counting(const Shape& shape) {
    Tensor x(shape);
    std::iota(x.data.begin(), x.data.end(), 0);
    return x;
}

struct Reference : testing::Test {
    RandomCases random;
};

// The gradients of an operator as a list in the order of its inputs.
Tensors listed(const BinaryGradients& d) { return {d.a, d.b}; }
Tensors listed(const Conv2dGradients& d) { return {d.x, d.weights, d.bias}; }
Tensors listed(const LinearGradients& d) { return {d.x, d.weights, d.bias}; }
Tensors listed(const BatchNormGradients& d) { return {d.x, d.gamma, d.beta}; }
Tensors listed(const MeanSquaredErrorGradients& d) { return {d.prediction, d.target}; }

TEST_F(Reference, convolution_hand_computed) {
    // Rows 0 1 2 | 3 4 5 | 6 7 8 under the kernel 1 2 | 3 4.
    const Tensor x = counting({1, 3, 3, 1}), w({2, 2, 1, 1}, {1, 2, 3, 4});
    expect_near(conv2d(x, w, {}, {}), Tensor({1, 2, 2, 1}, {27, 37, 57, 67}), exact);
    expect_near(conv2d(x, w, Tensor({1}, 100), {.stride_y = 2, .padding = {.top = 1, .right = 1}}),
                Tensor({1, 2, 3, 1}, {104, 111, 106, 157, 167, 129}), exact);
    expect_near(conv2d(x, w, {}, {.dilation_y = 2, .dilation_x = 2}), Tensor({1, 1, 1, 1}, 54.0), exact);
}

TEST_F(Reference, convolution_groups_are_independent_convolutions) {
    const Tensor x = random.uniform({2, 4, 5, 6}), w = random.uniform({3, 3, 2, 9});
    Tensors parts;
    for (int64_t group = 0; group < 3; ++group)
        parts.push_back(conv2d(slice(x, {0, 0, 0, 2 * group}, {2, 4, 5, 2}),
                               slice(w, {0, 0, 0, 3 * group}, {3, 3, 2, 3}), {}, {}));
    expect_near(conv2d(x, w, {}, {.groups = 3}), concat(parts, 3), exact);
}

TEST_F(Reference, convolution_same_padding_as_tensorflow) {
    using Sides = std::pair<int64_t, int64_t>;
    EXPECT_EQ(same_padding(224, 3, 2, 1), Sides(0, 1));
    EXPECT_EQ(same_padding(7, 3, 1, 1), Sides(1, 1));
    EXPECT_EQ(same_padding(5, 1, 2, 1), Sides(0, 0));
    EXPECT_EQ(same_padding(9, 3, 1, 4), Sides(4, 4));
}

TEST_F(Reference, convolution_gradients) {
    struct Case {
        Shape x, w;
        Conv2d attributes;
    };
    const Case cases[] = {
        {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
        {{2, 5, 3, 3}, {1, 1, 3, 5}, {}},
        {{1, 5, 7, 2}, {3, 3, 2, 3}, {.padding = {1, 1, 1, 1}}},
        {{2, 7, 5, 1}, {3, 2, 1, 3}, {.stride_y = 2, .stride_x = 3, .padding = {2, 0, 1, 3}}},
        {{1, 7, 9, 2}, {3, 3, 2, 1}, {.dilation_y = 2, .dilation_x = 3, .padding = {0, 1, 2, 0}}},
        {{1, 5, 5, 6}, {3, 3, 2, 9}, {.stride_x = 2, .padding = {1, 0, 0, 1}, .groups = 3}},
        {{2, 5, 5, 5}, {3, 3, 1, 5}, {.stride_y = 2, .stride_x = 2, .padding = {1, 1, 1, 1}, .groups = 5}},
        {{1, 4, 4, 3}, {5, 5, 1, 6}, {.dilation_x = 2, .padding = {2, 2, 4, 4}, .groups = 3}},
        {{1, 3, 3, 1}, {1, 1, 1, 2}, {.stride_y = 2, .stride_x = 2, .padding = {3, 2, 0, 1}}},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(text("x ", shape_text(c.x), ", weights ", shape_text(c.w)));
        expect_gradients(
            random, {random.uniform(c.x), random.uniform(c.w), random.uniform({c.w[3]})},
            [&](const Tensors& in) { return conv2d(in[0], in[1], in[2], c.attributes); },
            [&](const Tensors& in, const Tensor& dy) {
                return listed(conv2d_backward(in[0], in[1], dy, c.attributes));
            });
    }
}

TEST_F(Reference, linear) {
    const Tensor x({2, 3}, {1, 2, 3, 4, 5, 6}), w({3, 2}, {1, 0, 0, 1, 1, 1}), b({2}, {10, 20});
    expect_near(linear(x, w, b), Tensor({2, 2}, {14, 25, 20, 31}), exact);
    for (const Shape& shape : {Shape{1, 1}, {3, 5}, {2, 3, 7}}) {
        const Tensors inputs = {random.uniform(shape), random.uniform({shape.back(), 2}), b};
        expect_gradients(
            random, inputs, [](const Tensors& in) { return linear(in[0], in[1], in[2]); },
            [](const Tensors& in, const Tensor& dy) { return listed(linear_backward(in[0], in[1], dy)); });
    }
}

class ReferenceBatchNorm : public testing::Test {
  protected:
    const Tensor x = published_normalisation::examples();
    const Tensor gamma = Tensor({2}, 1), beta = Tensor({2}, 0);
};

TEST_F(ReferenceBatchNorm, training) {
    for (const auto& row : published_normalisation::rows()) {
        SCOPED_TRACE(row.name);
        const BatchNorm result = normalisation(x, gamma, beta, 1e-5, all_examples, row.grouping);
        expect_near(result.mean, Tensor({2}, {1.5, 1.5}), exact);
        expect_near(result.variance, Tensor({2}, {5.25, 7.25}), exact);
        expect_near(result.y, row.y, printed);
    }
}

// The rows of ghost size 2: the first two examples of a batch are its first ghost.
TEST_F(ReferenceBatchNorm, only_valid_examples_count) {
    Tensor poisoned = x;
    for (int64_t i = x.size() / 2; i < x.size(); ++i) poisoned[i] = std::nan("");
    const BatchNorm result = normalisation(poisoned, gamma, beta, 1e-5, 2);
    expect_near(result.mean, Tensor({2}, {2.5, 0.5}), exact);
    expect_near(result.variance, Tensor({2}, {1.25, 1.25}), exact);
    expect_near(result.y,
                published_normalisation::channels_last({-1.341635420, -0.447211807, -0.447211807, -1.341635420, 0.447211807,
                               1.341635420, 1.341635420, 0.447211807, 0, 0, 0, 0, 0, 0, 0, 0}),
                printed);
    expect_near(normalisation(x, gamma, Tensor({2}, 7), 1e-5, 0).y, Tensor(x.shape), exact);
}

TEST_F(ReferenceBatchNorm, inference) {
    const Tensor mean({2}, {0.015, 0.015}), variance({2}, {1.064775, 1.084775});
    const Tensor first = slice(x, {0, 0, 0, 0}, {1, 1, 2, 2});
    for (const auto& [alpha, y] : published_normalisation::weighed_rows())
        expect_near(batch_norm_weighed(first, gamma, beta, mean, variance, alpha, 1e-5), y, printed);
}

TEST_F(Reference, a_large_mean_costs_nothing) {
    const Tensor x = random.uniform({64, 3}), gamma({3}, 1), beta({3}), offset({3}, 0x1p20);
    expect_near(normalisation(add(x, offset), gamma, beta, 1e-5).variance,
                normalisation(x, gamma, beta, 1e-5).variance, 1e-9);
}

TEST_F(Reference, normalisation_gradients_in_training) {
    for (const auto& [shape, valid] : {std::pair<Shape, int64_t>{{1, 1, 1, 1}, 1},
                                       {{2, 1}, all_examples},
                                       {{5, 3}, 5},
                                       {{3, 5, 3, 2}, all_examples},
                                       {{5, 1, 3, 3}, 3},
                                       {{3, 2, 2, 1}, 0}}) {
        SCOPED_TRACE(text("x ", shape_text(shape), ", valid ", valid));
        const Shape c = {shape.back()};
        expect_gradients(
            random, {random.uniform(shape, -2, 3), random.uniform(c), random.uniform(c)},
            [&](const Tensors& in) { return normalisation(in[0], in[1], in[2], 1e-3, valid).y; },
            [&](const Tensors& in, const Tensor& dy) {
                return listed(normalisation_backward(in[0], in[1], dy, 1e-3, valid));
            });
    }
}

TEST_F(Reference, normalisation_gradients_of_every_grouping) {
    for (const Grouping& grouping : {Grouping{2, 0}, {1, 0}, {1, 1}, {1, 3}, {2, 3}, {4, 1}, {4, 6}, {2, 2}})
        for (int64_t valid : {all_examples, int64_t(3)}) {
            SCOPED_TRACE(text("sets of ", grouping.examples, ", groups ", grouping.groups, ", valid ", valid));
            expect_gradients(
                random, {random.uniform({4, 2, 1, 6}, -2, 3), random.uniform({6}, 0.5, 2), random.uniform({6})},
                [&](const Tensors& in) { return normalisation(in[0], in[1], in[2], 1e-3, valid, grouping).y; },
                [&](const Tensors& in, const Tensor& dy) {
                    return listed(normalisation_backward(in[0], in[1], dy, 1e-3, valid, grouping));
                });
        }
}

TEST_F(Reference, normalisation_gradients_in_inference) {
    const Tensor mean = random.uniform({3}), variance = random.uniform({3}, 0.1, 2);
    for (int64_t groups : {0, 1})
    expect_gradients(
        random, {random.uniform({3, 5, 1, 3}), random.uniform({3}), random.uniform({3})},
        [&](const Tensors& in) { return batch_norm_inference(in[0], in[1], in[2], mean, variance, 1e-5, groups); },
        [&](const Tensors& in, const Tensor& dy) {
            return listed(batch_norm_inference_backward(in[0], in[1], mean, variance, dy, 1e-5, groups));
        });
}

TEST_F(Reference, activation_values) {
    struct Case {
        Activation f;
        std::vector<double> x, y;
    };
    const double l3 = std::log(3.0);
    for (const Case& c : {Case{relu(), {-2, 2}, {0, 2}},
                          {relu6(), {-1e30, 5, 7}, {0, 5, 6}},
                          {leaky_relu(0.1), {-2, 2}, {-0.2, 2}},
                          {sigmoid(), {-1e30, l3, 1e30}, {0, 0.75, 1}},
                          {tanh_activation(), {-1e30, l3}, {-1, 0.8}},
                          {hard_swish(), {-4, -1, 1, 5}, {0, -1.0 / 3, 2.0 / 3, 5}}}) {
        SCOPED_TRACE(c.f.name);
        const Shape shape = {static_cast<int64_t>(c.x.size())};
        expect_near(activate(c.f, Tensor(shape, c.x)), Tensor(shape, c.y), exact);
    }
}

TEST_F(Reference, slopes_at_kinks_are_defined) {
    for (const Activation& f : {relu(), relu6()})
        for (double x : {-0.0, 0.0}) EXPECT_EQ(f.slope(x), 0) << f.name;
    EXPECT_EQ(relu6().slope(6), 0);
    EXPECT_EQ(leaky_relu(0.1).slope(0), 0.1);
    EXPECT_EQ(hard_swish().slope(-3), 0);
    EXPECT_EQ(hard_swish().slope(3), 1);
}

TEST_F(Reference, activation_gradients) {
    for (const Activation& f : activations()) {
        SCOPED_TRACE(f.name);
        expect_gradient(
            random, random.away_from(f.kinks, {3, 43}), [&](const Tensor& x) { return activate(f, x); },
            [&](const Tensor& x, const Tensor& dy) { return activate_backward(f, x, dy); });
    }
}

TEST_F(Reference, broadcasts) {
    const Tensor a({2, 3}, {1, 2, 3, 4, 5, 6}), channel({3}, {10, 20, 30}), scalar(Shape{}, 2);
    expect_near(add(a, channel), Tensor({2, 3}, {11, 22, 33, 14, 25, 36}), exact);
    expect_near(subtract(a, scalar), Tensor({2, 3}, {-1, 0, 1, 2, 3, 4}), exact);
    expect_near(multiply(a, a), Tensor({2, 3}, {1, 4, 9, 16, 25, 36}), exact);
    EXPECT_THROW(add(a, Tensor({2})), Error);
    EXPECT_THROW(add(channel, a), Error);
}

TEST_F(Reference, binary_gradients) {
    const Shape a = {3, 1, 5, 3};
    for (const Shape& b : {a, Shape{5, 3}, {3}, {1}, {}}) {
        SCOPED_TRACE(shape_text(b));
        for (const auto& [forward, backward] : {std::pair{&add, &add_backward},
                                                {&subtract, &subtract_backward},
                                                {&multiply, &multiply_backward}})
            expect_gradients(
                random, {random.uniform(a), random.uniform(b)},
                [&, f = forward](const Tensors& in) { return f(in[0], in[1]); },
                [&, f = backward](const Tensors& in, const Tensor& dy) {
                    return listed(f(in[0], in[1], dy));
                });
    }
}

TEST_F(Reference, scale_and_dropout) {
    expect_near(scale(Tensor({2}, {1, -3}), 0.5), Tensor({2}, {0.5, -1.5}), exact);
    expect_near(dropout(Tensor({2}, {1, 3}), Tensor({2}, {0, 1}), 0.25), Tensor({2}, {0, 4}), exact);
    expect_gradient(
        random, random.uniform({7}), [](const Tensor& x) { return scale(x, -2.5); },
        [](const Tensor&, const Tensor& dy) { return scale_backward(dy, -2.5); });
    const Tensor mask = random.mask({5, 13}, 0.3);
    expect_gradient(
        random, random.uniform({5, 13}), [&](const Tensor& x) { return dropout(x, mask, 0.3); },
        [&](const Tensor&, const Tensor& dy) { return dropout_backward(dy, mask, 0.3); });
}

TEST_F(Reference, casts) {
    const auto to = [](NumberType type, double x) { return cast(Tensor({1}, x), type)[0]; };
    for (int i = 0; i < 1000; ++i) {
        const double x = std::ldexp(random.number(-1, 1) + 1e-9, static_cast<int>(random.integer(-150, 120)));
        EXPECT_EQ(to(NumberType::f32, x), static_cast<float>(x)) << x;
    }
    EXPECT_EQ(to(NumberType::f16, 1 + 0x1p-11), 1); // ties to even
    EXPECT_EQ(to(NumberType::f16, 1 + 0x1.8p-10), 1 + 0x1p-9);
    EXPECT_EQ(to(NumberType::f16, 65519), 65504);
    EXPECT_EQ(to(NumberType::f16, -65520), -std::numeric_limits<double>::infinity());
    EXPECT_EQ(to(NumberType::f16, 0x1p-24), 0x1p-24); // the least subnormal
    EXPECT_EQ(to(NumberType::f16, 0x1p-25), 0);
    EXPECT_EQ(to(NumberType::i32, -2.9), -2);
    EXPECT_EQ(to(NumberType::i32, 1e30), 2147483647);
    EXPECT_EQ(to(NumberType::u8, -1), 0);
    EXPECT_EQ(to(NumberType::u8, 255.9), 255);
    EXPECT_EQ(cast_backward(Tensor({1}, 2.0), NumberType::f32, NumberType::f16)[0], 2);
    EXPECT_EQ(cast_backward(Tensor({1}, 2.0), NumberType::f32, NumberType::i32)[0], 0);
}

TEST_F(Reference, pooling_hand_computed) {
    const Tensor x = counting({1, 3, 3, 1}); // 0 1 2 | 3 4 5 | 6 7 8
    Pooling p = {.kernel_y = 2, .kernel_x = 2, .stride_y = 2, .stride_x = 2};
    expect_near(max_pool(x, p), Tensor({1, 1, 1, 1}, 4.0), exact);
    p.ceil_mode = true;
    expect_near(max_pool(x, p), Tensor({1, 2, 2, 1}, {4, 5, 7, 8}), exact);
    expect_near(average_pool(x, p), Tensor({1, 2, 2, 1}, {2, 3.5, 6.5, 8}), exact);
    p.padding = {1, 1, 1, 1}; // a third window would start in the padding below
    expect_near(average_pool(x, p), Tensor({1, 2, 2, 1}, {0, 0.75, 2.25, 6}), exact);
    p.count_include_pad = false;
    expect_near(average_pool(x, p), Tensor({1, 2, 2, 1}, {0, 1.5, 4.5, 6}), exact);
    expect_near(max_pool(scale(x, -1), p), Tensor({1, 2, 2, 1}, {0, -1, -3, -4}), exact);
    expect_near(global_average_pool(x), Tensor({1, 1, 1, 1}, 4.0), exact);
    p.padding.top = 2;
    EXPECT_THROW(max_pool(x, p), Error);
}

TEST_F(Reference, first_of_equals_takes_the_gradient) {
    const Pooling p = {.kernel_y = 2, .kernel_x = 3};
    const Tensor x({1, 2, 3, 1}, {1, 2, 2, 2, 0, 2});
    expect_near(max_pool_backward(x, Tensor({1, 1, 1, 1}, 5.0), p), Tensor(x.shape, {0, 5, 0, 0, 0, 0}),
                exact);
}

TEST_F(Reference, pooling_gradients) {
    struct Case {
        Shape x;
        Pooling p;
    };
    const Case cases[] = {
        // the last one fits with ceil mode only
        {{1, 1, 1, 1}, {}},
        {{2, 5, 7, 3}, {.kernel_y = 3, .kernel_x = 2}},
        {{1, 7, 5, 3}, {.kernel_y = 3, .kernel_x = 3, .stride_y = 2, .stride_x = 2, .padding = {1, 1, 1, 1}}},
        {{1, 6, 5, 2}, {.kernel_y = 2, .kernel_x = 3, .stride_y = 3, .stride_x = 2, .padding = {1, 0, 0, 2}}},
        {{1, 1, 1, 1}, {.kernel_y = 2, .kernel_x = 2, .stride_y = 2, .stride_x = 2}},
    };
    for (const Case& c : cases)
        for (bool ceil_mode : {false, true})
            for (bool count_include_pad : {false, true}) {
                if (!ceil_mode && c.x[1] < c.p.kernel_y) continue;
                Pooling p = c.p;
                p.ceil_mode = ceil_mode;
                p.count_include_pad = count_include_pad;
                SCOPED_TRACE(text(shape_text(c.x), ", ceil ", ceil_mode, ", count ", count_include_pad));
                for (const auto& [forward, backward] :
                     {std::pair{&max_pool, &max_pool_backward}, {&average_pool, &average_pool_backward}})
                    expect_gradient(
                        random, random.distinct(c.x), [&, f = forward](const Tensor& x) { return f(x, p); },
                        [&, f = backward](const Tensor& x, const Tensor& dy) { return f(x, dy, p); });
            }
    expect_gradient(random, random.uniform({3, 5, 7, 2}), global_average_pool, global_average_pool_backward);
}

TEST_F(Reference, resize_hand_computed) {
    const Tensor x({1, 1, 2, 1}, {0, 1});
    const auto row = [](const std::vector<double>& values) {
        return Tensor({1, 1, static_cast<int64_t>(values.size()), 1}, values);
    };
    using enum Coordinates;
    expect_near(resize_bilinear(x, {1, 4, half_pixel}), row({0, 0.25, 0.75, 1}), exact);
    expect_near(resize_bilinear(x, {1, 4, align_corners}), row({0, 1.0 / 3, 2.0 / 3, 1}), exact);
    expect_near(resize_bilinear(x, {1, 1, align_corners}), row({0}), exact);
    expect_near(resize_bilinear(x, {1, 1, half_pixel}), row({0.5}), exact);
    expect_near(resize_nearest(x, {1, 3, asymmetric}), row({0, 0, 1}), exact);
    const Tensor five = counting({1, 1, 5, 1});
    expect_near(resize_nearest(five, {1, 3, asymmetric}), row({0, 1, 3}), exact);
    expect_near(resize_nearest(five, {1, 3, half_pixel}), row({0, 2, 4}), exact);
    EXPECT_THROW(resize_nearest(x, {1, 4, align_corners}), Error);
}

TEST_F(Reference, resize_gradients) {
    using enum Coordinates;
    for (const Shape& shape : {Shape{1, 1, 1, 1}, {2, 3, 5, 3}, {1, 7, 4, 1}})
        for (const auto& [height, width] : {std::pair{1, 1}, {6, 10}, {5, 3}, {7, 9}})
            for (Coordinates coordinates : {asymmetric, half_pixel, align_corners}) {
                SCOPED_TRACE(text("x ", shape_text(shape), " to ", height, " x ", width));
                const Resize a = {height, width, coordinates};
                for (const auto& [forward, backward] : {std::pair{&resize_nearest, &resize_nearest_backward},
                                                        {&resize_bilinear, &resize_bilinear_backward}})
                    if (forward != &resize_nearest || coordinates != align_corners)
                        expect_gradient(
                            random, random.uniform(shape),
                            [&, f = forward](const Tensor& x) { return f(x, a); },
                            [&, f = backward](const Tensor& x, const Tensor& dy) { return f(x, dy, a); });
            }
}

TEST_F(Reference, losses_hand_computed) {
    const double l2 = std::log(2.0), l3 = std::log(3.0);
    const Tensor x({2, 2}, {0, l3, 1000, 1000});
    expect_near(softmax(x), Tensor({2, 2}, {0.25, 0.75, 0.5, 0.5}), exact);
    expect_near(log_softmax(x), Tensor({2, 2}, {-2 * l2, l3 - 2 * l2, -l2, -l2}), exact);
    const auto loss = [&](Labels labels, Tensor weights, double smoothing) {
        return softmax_cross_entropy(x, labels, weights, smoothing)[0];
    };
    EXPECT_NEAR(loss({0, 1}, Tensor({2}, 0.5), 0), 1.5 * l2, exact);
    EXPECT_NEAR(loss({0, 1}, Tensor({2}, {1, 0}), 0.2), 0.9 * 2 * l2 + 0.1 * (2 * l2 - l3), exact);
    EXPECT_NEAR(loss({0, -1}, Tensor({2}, {1, 0}), 0), 2 * l2, exact); // a masked label is not read
    EXPECT_THROW(loss({0, 2}, Tensor({2}, 1), 0), Error);
    EXPECT_NEAR(mean_squared_error(Tensor({2, 2}, {1, 2, 3, 4}), Tensor({2, 2}), Tensor({2}, {1, 2}))[0],
                2.5 + 2 * 12.5, exact);
}

TEST_F(Reference, softmax_gradients) {
    for (const Shape& shape : {Shape{1, 1}, {3, 5}, {2, 3, 7}})
        for (const auto& [forward, backward] :
             {std::pair{&softmax, &softmax_backward}, {&log_softmax, &log_softmax_backward}})
            expect_gradient(random, random.uniform(shape, -3, 3), forward, backward);
}

TEST_F(Reference, loss_gradients) {
    for (const Shape& shape : {Shape{1, 1}, {5, 7}, {1, 129}, {3, 5, 2}})
        for (double smoothing : {0.0, 0.1}) {
            const int64_t rows = element_count(shape) / shape.back();
            const Labels labels = random.labels(rows, shape.back());
            Tensor weights = random.uniform({rows}, 0, 2);
            if (rows > 1) weights[rows - 1] = 0;
            expect_gradient(
                random, random.uniform(shape, -3, 3),
                [&](const Tensor& x) { return softmax_cross_entropy(x, labels, weights, smoothing); },
                [&](const Tensor& x, const Tensor& dy) {
                    return softmax_cross_entropy_backward(x, labels, weights, smoothing, dy);
                });
            const Tensor examples = random.uniform({shape[0]}, 0, 2);
            expect_gradients(
                random, {random.uniform(shape), random.uniform(shape)},
                [&](const Tensors& in) { return mean_squared_error(in[0], in[1], examples); },
                [&](const Tensors& in, const Tensor& dy) {
                    return listed(mean_squared_error_backward(in[0], in[1], examples, dy));
                });
        }
}

TEST_F(Reference, shape_hand_computed) {
    const Tensor x({2, 2}, {1, 2, 3, 4}), y({2, 1}, {5, 6});
    expect_near(concat({x, y}, 1), Tensor({2, 3}, {1, 2, 5, 3, 4, 6}), exact);
    expect_near(concat({x, x}, 0), Tensor({4, 2}, {1, 2, 3, 4, 1, 2, 3, 4}), exact);
    EXPECT_THROW(concat({x, y}, 0), Error);
    expect_near(slice(x, {0, 1}, {2, 1}), Tensor({2, 1}, {2, 4}), exact);
    EXPECT_THROW(slice(x, {0, 1}, {2, 2}), Error);
    expect_near(reshape(x, {4}), Tensor({4}, {1, 2, 3, 4}), exact);
    EXPECT_THROW(reshape(x, {5}), Error);
    expect_near(pad(y, {0, 1}, {1, 0}, 9), Tensor({3, 2}, {9, 5, 9, 6, 9, 9}), exact);
}

TEST_F(Reference, shape_gradients) {
    for (int64_t axis = 0; axis < 4; ++axis) {
        Tensors parts;
        for (int64_t size : {1, 3, 2}) {
            Shape shape = {2, 3, 1, 5};
            shape[static_cast<size_t>(axis)] = size;
            parts.push_back(random.uniform(shape));
        }
        expect_gradients(
            random, parts, [&](const Tensors& in) { return concat(in, axis); },
            [&](const Tensors& in, const Tensor& dy) { return concat_backward(in, dy, axis); });
    }
    const Tensor x = random.uniform({3, 5, 1, 2});
    const Shape begin = {1, 2, 0, 1}, size = {2, 3, 1, 1}, flat = {2, 15};
    expect_gradient(
        random, x, [&](const Tensor& in) { return slice(in, begin, size); },
        [&](const Tensor& in, const Tensor& dy) { return slice_backward(in, dy, begin); });
    expect_gradient(
        random, x, [&](const Tensor& in) { return reshape(in, flat); }, reshape_backward);
    expect_gradient(
        random, x, [&](const Tensor& in) { return pad(in, begin, size, 7); },
        [&](const Tensor& in, const Tensor& dy) { return pad_backward(in, dy, begin); });
}

TEST_F(Reference, reduction_hand_computed_and_gradients) {
    const Tensor six({2, 3}, {1, 2, 3, 4, 5, 6});
    expect_near(sum(six, {0}), Tensor({3}, {5, 7, 9}), exact);
    expect_near(sum(six, {1}, ReducedAxes::keep), Tensor({2, 1}, {6, 15}), exact);
    expect_near(mean(six, {0, 1}), Tensor(Shape{}, 3.5), exact);
    for (const std::vector<int64_t>& axes : {std::vector<int64_t>{0}, {3}, {1, 2}, {0, 3}, {0, 1, 2, 3}, {}})
        for (const auto& [forward, backward] : {std::pair{&sum, &sum_backward}, {&mean, &mean_backward}})
            expect_gradient(
                random, random.uniform({3, 5, 1, 7}),
                [&, f = forward](const Tensor& x) { return f(x, axes, ReducedAxes::drop); },
                [&, f = backward](const Tensor& x, const Tensor& dy) { return f(x, dy, axes); });
}

TEST(ReferenceComparison, finds_what_is_wrong) {
    const Tensor good({2, 2}, {1, 2, 3, 4});
    const auto with = [&](double value) {
        Tensor x = good;
        x(1, 0) = value;
        return x;
    };
    EXPECT_EQ(mismatch(with(3.0003), good, 1e-4), "");
    EXPECT_NE(mismatch(with(3.0005), good, 1e-4).find("[1 0]"), std::string::npos);
    EXPECT_NE(mismatch(with(std::nan("")), with(std::nan("")), 1), "");
    EXPECT_NE(mismatch(with(HUGE_VAL), with(HUGE_VAL), 1), "");
    EXPECT_NE(mismatch(good, Tensor({4}, good.data), 1), "");
    EXPECT_NE(elementwise_mismatch(Tensor({2}, {1e30, 1}), Tensor({2}, {1e30, 2}), 1e-6, 0), "");
    EXPECT_EQ(elementwise_mismatch(good, good, 0, 0), "");
}

TEST(ReferenceCases, are_the_same_everywhere) {
    EXPECT_EQ(RandomCases(1).integer(0, 999999), RandomCases(1).integer(0, 999999));
    EXPECT_EQ(static_cast<float>(RandomCases(5489).number(0, 1)), 0.78682095f); // mt19937_64's first number
    EXPECT_EQ(shape_matrix(4).size(), 14u);
    const Tensor x = RandomCases(3).with_edges({65});
    EXPECT_NE(std::count(x.data.begin(), x.data.end(), 6.0), 0);
}

TEST(ReferenceCases, a_wrong_gradient_is_found) {
    RandomCases random(7);
    const auto square = [](const Tensors& in) { return multiply(in[0], in[0]); };
    const auto wrong = [](const Tensors& in, const Tensor& dy) { return Tensors{multiply(dy, in[0])}; };
    EXPECT_NE(gradient_mismatch(square, wrong, {random.uniform({5})}, random), "");
}

} // namespace
} // namespace lemnos::reference
