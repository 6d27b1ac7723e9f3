// Convolutions on matrix units in all three directions against the double-precision reference, for f16: once with
// LEMNOS_KERNELS=coopmat and once with coopmat2, on a software Vulkan that has cooperative matrices (run.sh). Shapes are small,
// for that device takes a millisecond for some thousand products, and cover what the kernels tell apart: images and matrices whose
// sizes are multiples of eight and others, several steps and tiles and their ragged edges, strides, dilation, groups.
#include "ops/convolution_menu.h"
#include "ops/harness.h"
#include "plan/kernel_check.h"
#include "reference/convolution.h"
#include "reference/elementwise.h"
#include "vulkan/matrix_units.h"

#include <cstdlib>

namespace lemnos::test {

namespace {

using Integers = std::vector<int64_t>;
using reference::NumberType;

struct Case {
    int64_t batch, height, width, channels, out, kernel_y, kernel_x;
    int64_t stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
    int64_t top = 0, bottom = 0, left = 0, right = 0, groups = 1;
};

// Results that are rounded to f16 (to the nearest or towards zero) differ by one of their last place, 2^-10; what the kernel
// sums in f32 differs from the reference by far less.
constexpr double rounded = 0x1p-10, least = 1e-4;
constexpr double summed = 5e-6;

Tensor halves(const Tensor& x) { return reference::cast(x, NumberType::f16); }
Given as_half(const Tensor& x) { return {x, DataType::f16}; }

void expect_rounded(const Tensor& actual, const Tensor& expected) { expect_near_elementwise(actual, expected, rounded, least); }

} // namespace

// With the kernels of the family that LEMNOS_KERNELS names, or else the test fails.
struct MatrixUnits : OpTest {
    void SetUp() override {
        OpTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        const char* named = std::getenv("LEMNOS_KERNELS");
        family_ = named ? named : "";
        const DeviceProfile& profile = device()->profile();
        ASSERT_TRUE(family_ == "coopmat" ? bool(profile.coopmat) : family_ == "coopmat2" && bool(profile.coopmat2))
            << "LEMNOS_KERNELS=" << family_ << " chose no kernels for matrix units.";
    }

    void TearDown() override {
        if (IsSkipped() || HasFatalFailure()) return;
        for (const auto& [name, reason] : device()->profile().kernels->rejections()) ADD_FAILURE() << name << ": " << reason;
    }

    // This family computes it, and no other that would do so as well.
    void expect_family(const Case& c, const Shape& y) {
        const ConvolutionShape shape{c.batch, c.height, c.width, c.channels, y[1], y[2], c.out, c.kernel_y, c.kernel_x, c.stride_y, c.stride_x,
                                     c.dilation_y, c.dilation_x, c.top, c.left, c.groups};
        for (auto pass : {ConvolutionPass::forward, ConvolutionPass::input_gradient, ConvolutionPass::filter_gradient}) {
            ConvolutionProblem problem{pass, shape};
            problem.dtype = DataType::f16;
            EXPECT_EQ(choose_convolution(device()->profile(), problem).kernel->name, family_);
        }
    }

    void check(const Case& c, int64_t max_storage_range = 0) {
        SCOPED_TRACE(text(c.batch, "x", c.height, "x", c.width, "x", c.channels, " -> ", c.out, ", kernel ", c.kernel_y, "x", c.kernel_x,
                          ", stride ", c.stride_y, ",", c.stride_x, ", dilation ", c.dilation_y, ",", c.dilation_x, ", groups ", c.groups));
        const RunOptions options{.device = device(max_storage_range)};
        const Tensor x = halves(random.uniform({c.batch, c.height, c.width, c.channels}));
        const Tensor w = halves(random.uniform({c.kernel_y, c.kernel_x, c.channels / c.groups, c.out}));
        const Tensor bias = random.uniform({c.out});
        const reference::Conv2d geometry{.stride_y = c.stride_y, .stride_x = c.stride_x, .dilation_y = c.dilation_y,
                                         .dilation_x = c.dilation_x, .padding = {c.top, c.bottom, c.left, c.right}, .groups = c.groups};
        const Attributes attributes{{"stride", Integers{c.stride_y, c.stride_x}}, {"padding", Integers{c.top, c.bottom, c.left, c.right}},
                                    {"dilation", Integers{c.dilation_y, c.dilation_x}}, {"groups", c.groups}};
        const Tensor y = reference::conv2d(x, w, bias, geometry);
        const OpCase forward{"conv2d", {as_half(x), w, bias}, attributes};
        expect_family(c, y.shape);
        expect_rounded(run(forward, options), y);

        const Tensor dy = halves(random.uniform(y.shape));
        const auto expected = reference::conv2d_backward(x, w, dy, geometry);
        OpCase by_input{"conv2d_input_gradient", {as_half(dy), w}, attributes};
        by_input.attributes.set("size", Integers{c.height, c.width});
        expect_rounded(run(by_input, options), expected.x);
        OpCase by_filter{"conv2d_filter_gradient", {as_half(x), as_half(dy)}, attributes};
        by_filter.attributes.set("kernel", Integers{c.kernel_y, c.kernel_x});
        expect_near(run(by_filter, options), expected.weights, summed);
    }

    std::string family_;
};

TEST_F(MatrixUnits, Pointwise) {
    for (const auto& [channels, out] : {std::pair<int64_t, int64_t>{1, 1}, {8, 8}, {3, 16}, {40, 5}, {65, 72}, {48, 24}})
        check({2, 5, 3, channels, out, 1, 1});
    check({1, 1, 1, 8, 8, 1, 1});
    check({1, 9, 8, 16, 24, 1, 1, 2, 2});
}

// Tiles of every size that the device chooses among.
TEST_F(MatrixUnits, LargeMatrices) {
    check({1, 12, 12, 72, 72, 1, 1});
    check({1, 13, 11, 67, 70, 1, 1});
}

TEST_F(MatrixUnits, Dense) {
    check({1, 7, 6, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1});
    check({2, 9, 9, 1, 16, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1});
    check({1, 9, 8, 3, 8, 3, 3, 2, 2, 1, 1, 0, 1, 0, 1});
    check({1, 8, 9, 12, 10, 3, 2, 2, 1, 1, 1, 1, 0, 0, 1});
    check({1, 7, 8, 16, 24, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2});
    check({1, 9, 9, 4, 8, 3, 3, 2, 2, 2, 2, 2, 1, 3, 2});
    check({1, 9, 12, 5, 6, 2, 3, 3, 2, 2, 3, 0, 2, 1, 4});
    check({1, 2, 2, 3, 5, 1, 1, 4, 4}); // most input pixels meet no tap
    check({1, 9, 10, 8, 8, 5, 5, 2, 3, 1, 1, 2, 2, 2, 2});
}

TEST_F(MatrixUnits, Groups) {
    check({1, 5, 5, 16, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2});
    check({1, 7, 6, 6, 15, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 3});
    check({2, 5, 5, 8, 8, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 4});
}

TEST_F(MatrixUnits, RandomShapes) {
    for (int i = 0; i < 8; ++i) {
        Case c{};
        c.groups = random.integer(1, 2);
        c.batch = random.integer(1, 3);
        c.channels = c.groups * random.integer(2, 9);
        c.out = c.groups * random.integer(2, 17);
        c.kernel_y = random.integer(1, 3), c.kernel_x = random.integer(1, 3);
        c.stride_y = random.integer(1, 2), c.stride_x = random.integer(1, 3);
        c.dilation_y = random.integer(1, 2), c.dilation_x = random.integer(1, 3);
        c.top = random.integer(0, 3), c.bottom = random.integer(0, 3), c.left = random.integer(0, 3), c.right = random.integer(0, 3);
        c.height = (c.kernel_y - 1) * c.dilation_y + random.integer(1, 6);
        c.width = (c.kernel_x - 1) * c.dilation_x + random.integer(1, 6);
        check(c);
    }
}

TEST_F(MatrixUnits, SumsOfManySplitsAndOfABatchThatIsCut) {
    check({3, 16, 16, 8, 8, 1, 1});
    check({16, 4, 4, 16, 16, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1}, 4096);
}

// y = activation(conv + bias + residual), with a filter that f16 does not hold.
TEST_F(MatrixUnits, FusesBiasResidualAndActivation) {
    for (int64_t out : {16, 9})
        for (bool biased : {false, true}) {
            SCOPED_TRACE(text(out, biased ? " with bias" : ""));
            const Tensor x = halves(random.uniform({2, 5, 4, 8})), w = random.uniform({3, 3, 8, out});
            const Tensor bias = biased ? random.uniform({out}) : Tensor();
            Tensor sum = reference::conv2d(x, w, bias, {.padding = {1, 1, 1, 1}});
            const Tensor residual = halves(random.uniform(sum.shape, -2, 2));
            for (int64_t i = 0; i < sum.size(); ++i) sum[i] += residual[i];
            const OpCase conv{"conv2d", {as_half(x), w, bias, as_half(residual)},
                              {{"padding", Integers(4, 1)}, {"activation", std::string("relu6")}}};
            // 72 products with a factor that is off by at most half a last place, or one where the device rounds to zero.
            expect_near_elementwise(run(conv), reference::activate(reference::relu6(), sum), rounded, 72 * 0x1p-11);
        }
}

TEST_F(MatrixUnits, Linear) {
    for (const auto& [rows, features, channels] : {std::array<int64_t, 3>{1, 1, 1}, {5, 16, 10}, {33, 65, 40}, {7, 12, 24}}) {
        SCOPED_TRACE(text(rows, "x", features, " -> ", channels));
        const Tensor x = halves(random.uniform({rows, features})), w = halves(random.uniform({features, channels}));
        const Tensor bias = random.uniform({channels});
        expect_rounded(run({"linear", {as_half(x), w, bias}}), reference::linear(x, w, bias));
    }
}

// An f32 network keeps its precision: its products do not come here.
TEST_F(MatrixUnits, AreNotForF32) {
    for (auto pass : {ConvolutionPass::forward, ConvolutionPass::input_gradient, ConvolutionPass::filter_gradient}) {
        ConvolutionProblem problem{pass, {1, 8, 8, 16, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1}};
        const std::string chosen = choose_convolution(device()->profile(), problem).kernel->name;
        EXPECT_NE(chosen, "coopmat");
        EXPECT_NE(chosen, "coopmat2");
        problem.dtype = DataType::f16;
        EXPECT_EQ(choose_convolution(device()->profile(), problem).kernel->name, family_);
    }
}

// Every tile that the device can run, not only those that its choice takes for small shapes.
TEST_F(MatrixUnits, EveryTileComputesTheSame) {
    const MatrixFamily family = family_ == "coopmat" ? MatrixFamily::coopmat : MatrixFamily::coopmat2;
    const std::vector<MatrixTile> tiles = matrix_tiles(device()->profile(), family);
    ASSERT_GE(tiles.size(), 2u);
    for (const MatrixTile& tile : tiles) {
        EXPECT_LE(tile.shared_bytes(), device()->profile().max_shared_bytes);
        EXPECT_LE(tile.threads(), device()->profile().max_invocations);
    }
    for (const ConvolutionKernel& row : all_convolution_kernels()) {
        if (row.name != family_) continue;
        for (const ConvolutionShape& shape : {ConvolutionShape{2, 9, 9, 40, 9, 9, 40, 1, 1, 1, 1, 1, 1, 0, 0, 1},
                                              ConvolutionShape{1, 9, 8, 12, 9, 8, 37, 3, 3, 1, 1, 1, 1, 1, 1, 1}}) {
            const ConvolutionProblem problem{row.pass, shape, ActivationKind::none, false, false, DataType::f16};
            for (const KernelTile& tile : tiles_of(device()->profile(), row, problem))
                EXPECT_EQ(fault_of_kernel(device(), row, problem, tile), "") << to_string(problem) << ", " << tile.rows << " x " << tile.columns;
        }
    }
}

} // namespace lemnos::test
