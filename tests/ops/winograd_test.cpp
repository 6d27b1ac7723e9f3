// Winograd's form of 3 x 3 convolutions, in all three passes, against the double-precision reference: on shapes
// for which the menu would not choose it, too.
#include "ops/convolution_menu.h"
#include "ops/harness.h"
#include "reference/convolution.h"
#include "reference/elementwise.h"

namespace lemnos::test {

// The transforms add up to six values that cancel. Over sums of up to some hundreds of products of numbers in [-1, 1], the
// error of F(4, 3) is below 5e-6 of the largest result.
static constexpr double tolerance = 2e-5;

struct Winograd : OpTest {
    struct Case {
        int64_t batch, height, width, channels, out, top, bottom, left, right;
    };
    // all_fit: no pass is left to another kernel because a binding is small.
    void check(const Case& c, const char* row, int64_t max_storage_range = 0, bool all_fit = true) {
        SCOPED_TRACE(text(row, ": ", c.batch, "x", c.height, "x", c.width, "x", c.channels, " -> ", c.out, ", padding ", c.top, ",",
                          c.bottom, ",", c.left, ",", c.right));
        KernelUses uses;
        const RunOptions options{.device = device(max_storage_range), .kernels = std::make_shared<KernelChoices>(row), .uses = &uses};
        const Tensor x = random.uniform({c.batch, c.height, c.width, c.channels}, -1, 1);
        const Tensor w = random.uniform({3, 3, c.channels, c.out}, -1, 1), bias = random.uniform({c.out}, -1, 1);
        const reference::Conv2d geometry{.padding = {c.top, c.bottom, c.left, c.right}};
        const Tensor y = reference::conv2d(x, w, bias, geometry), dy = random.uniform(y.shape, -1, 1);
        OpCase conv{"conv2d", {x, w, bias}, {{"padding", std::vector<int64_t>{c.top, c.bottom, c.left, c.right}}}};
        expect_near(run(conv, options), y, tolerance);
        const auto gradients = run_gradients(conv, dy, {0, 1}, options);
        const auto expected = reference::conv2d_backward(x, w, dy, geometry);
        expect_near(gradients[0], expected.x, tolerance);
        expect_near(gradients[1], expected.weights, tolerance);
        conv.inputs.pop_back();
        expect_near(run(conv, options), reference::conv2d(x, w, {}, geometry), tolerance);
        if (!all_fit) return;
        for (const auto& [problem, use] : uses) EXPECT_EQ(use.choice.kernel, row) << problem;
    }
};

static constexpr const char* rows[] = {"winograd.2", "winograd.4"};

TEST_F(Winograd, MatchesTheReference) {
    for (const char* row : rows) {
        check({1, 1, 1, 8, 8, 1, 1, 1, 1}, row);
        check({1, 3, 3, 8, 16, 0, 0, 0, 0}, row);
        check({2, 8, 8, 16, 8, 1, 1, 1, 1}, row);
        check({3, 7, 9, 24, 40, 1, 1, 1, 1}, row);
        check({1, 6, 5, 8, 72, 2, 2, 2, 2}, row);
        check({2, 5, 11, 16, 24, 0, 2, 1, 0}, row);
        check({1, 4, 4, 8, 8, 3, 4, 5, 3}, row); // tiles that see padding alone
        check({1, 13, 14, 136, 64, 1, 1, 1, 1}, row);
        check({5, 2, 30, 8, 16, 1, 1, 1, 1}, row);
    }
}

TEST_F(Winograd, MatchesTheReferenceOnRandomShapes) {
    for (int i = 0; i < 20; ++i) {
        Case c{random.integer(1, 3), random.integer(1, 12), random.integer(1, 12), 8 * random.integer(1, 6), 8 * random.integer(1, 12),
               random.integer(1, 2), random.integer(1, 2), random.integer(1, 2), random.integer(1, 2)};
        check(c, rows[i % 2]);
    }
}

// On devices whose kernels take single channels.
TEST_F(Winograd, TakesAnyChannelsWithTheTiledKernels) {
    if (device()->profile().family != KernelFamily::tiled) return;
    for (const char* row : rows)
        for (int64_t channels : {1, 3, 17})
            for (int64_t out : {1, 5, 66}) check({2, 6, 7, channels, out, 1, 1, 1, 0}, row);
}

TEST_F(Winograd, IsCutWhereABindingIsSmall) {
    for (const char* row : rows) {
        check({16, 6, 6, 16, 16, 1, 1, 1, 1}, row, 40960, false);
        check({2, 40, 24, 8, 8, 1, 1, 1, 1}, row, 65536, false); // bands of tiles within an image
        check({2, 40, 24, 8, 8, 1, 1, 1, 1}, row, 81920);        // of the filter's gradient, too
    }
}

TEST_F(Winograd, AddsAResidualAndActivates) {
    const Tensor x = random.uniform({2, 7, 6, 16}, -1, 1), w = random.uniform({3, 3, 16, 24}, -1, 1);
    const Tensor bias = random.uniform({24}, -1, 1);
    Tensor sum = reference::conv2d(x, w, bias, {.padding = {1, 1, 1, 1}});
    const Tensor residual = random.uniform(sum.shape, -2, 2);
    for (int64_t i = 0; i < sum.size(); ++i) sum[i] += residual[i];
    for (const char* row : rows) {
        const auto with_activation = [&](const char* name) {
            return run({"conv2d", {x, w, bias, residual}, {{"padding", std::vector<int64_t>(4, 1)}, {"activation", std::string(name)}}},
                       {.kernels = std::make_shared<KernelChoices>(row)});
        };
        expect_near(with_activation("none"), sum, tolerance);
        expect_near(with_activation("relu"), reference::activate(reference::relu(), sum), tolerance);
        expect_near(with_activation("relu6"), reference::activate(reference::relu6(), sum), tolerance);
        expect_near(with_activation("tanh"), reference::activate(reference::tanh_activation(), sum), tolerance);
        expect_near(with_activation("sigmoid"), reference::activate(reference::sigmoid(), sum), tolerance);
    }
}

// The menu is asked here, so that a test above which quietly ran another kernel would be noticed.
TEST_F(Winograd, IsChosenWhereItIsAskedForAndFits) {
    ConvolutionShape shape{};
    shape.batch = 1;
    shape.in_height = shape.in_width = shape.out_height = shape.out_width = 14;
    shape.in_channels = shape.out_channels = 64;
    shape.kernel_height = shape.kernel_width = 3;
    shape.stride_y = shape.stride_x = shape.dilation_y = shape.dilation_x = shape.groups = 1;
    shape.pad_top = shape.pad_left = 1;
    for (ConvolutionPass pass : {ConvolutionPass::forward, ConvolutionPass::input_gradient, ConvolutionPass::filter_gradient})
        for (const char* row : rows) {
            DeviceProfile profile = device()->profile();
            profile.kernels = std::make_shared<KernelChoices>(row);
            const auto chosen = [&](ConvolutionShape of) { return std::string(choose_convolution(profile, {pass, of}).kernel->name); };
            EXPECT_EQ(chosen(shape), row);
            ConvolutionShape other = shape;
            other.stride_x = 2;
            EXPECT_NE(chosen(other), row);
            other = shape;
            other.dilation_y = 2;
            EXPECT_NE(chosen(other), row);
            other = shape;
            other.groups = 2;
            EXPECT_NE(chosen(other), row);
            other = shape;
            other.kernel_width = 1;
            EXPECT_NE(chosen(other), row);
        }
}

} // namespace lemnos::test
