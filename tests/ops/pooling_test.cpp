// Pooling and its gradients against the references.
#include "ops/harness.h"
#include "reference/pooling.h"

namespace lemnos::test {

namespace {

using reference::Pooling;

OpCase pool_op(const char* name, const Tensor& x, const Pooling& p) {
    Attributes attributes{
        {"kernel", std::vector<int64_t>{p.kernel_y, p.kernel_x}},
        {"stride", std::vector<int64_t>{p.stride_y, p.stride_x}},
        {"padding", std::vector<int64_t>{p.padding.top, p.padding.bottom, p.padding.left, p.padding.right}},
        {"ceil_mode", int64_t(p.ceil_mode)}};
    if (std::string(name) == "average_pool")
        attributes.set("count_include_pad", int64_t(p.count_include_pad));
    return {name, {x}, attributes};
}

std::string describe(const Shape& x, const Pooling& p) {
    return text(to_string(x), ", kernel ", p.kernel_y, " x ", p.kernel_x, ", stride ", p.stride_y, " x ",
                p.stride_x, ", padding ", p.padding.top, " ", p.padding.bottom, " ", p.padding.left, " ",
                p.padding.right, p.ceil_mode ? ", ceil" : "", p.count_include_pad ? "" : ", image cells");
}

// A maximum is exact; its gradient is a sum of at most 49 terms here, as a mean is, and as the gradient of a
// mean.
void test_pooling(RandomCases& random, const Shape& shape, Pooling p, const RunOptions& options = {}) {
    SCOPED_TRACE(describe(shape, p));
    Tensor x = random.distinct(shape);
    for (double& value : x.data) // many equal neighbours
        if (random.integer(0, 3) == 0) value = random.integer(0, 1) ? 0.25 : -2;
    const Tensor y = reference::max_pool(x, p), dy = random.uniform(y.shape);
    EXPECT_EQ(run(pool_op("max_pool", x, p), options).data, y.data);
    expect_near(run_gradients(pool_op("max_pool", x, p), dy, {0}, options)[0],
                reference::max_pool_backward(x, dy, p), 4e-6);
    for (bool include : {true, false}) {
        p.count_include_pad = include;
        const OpCase average = pool_op("average_pool", x, p);
        expect_near(run(average, options), reference::average_pool(x, p), 4e-6);
        expect_near(run_gradients(average, dy, {0}, options)[0], reference::average_pool_backward(x, dy, p),
                    4e-6);
    }
}

} // namespace

struct WindowPool : OpTest {};

TEST_F(WindowPool, MatchesTheReferences) {
    test_pooling(random, {1, 1, 1, 1}, {});
    test_pooling(random, {2, 1, 1, 5}, {.kernel_y = 3, .kernel_x = 3, .padding = {1, 1, 1, 1}});
    test_pooling(random, {2, 8, 8, 8}, {.kernel_y = 2, .kernel_x = 2, .stride_y = 2, .stride_x = 2});
    test_pooling(random, {2, 15, 13, 8},
                 {.kernel_y = 3, .kernel_x = 3, .stride_y = 2, .stride_x = 2, .padding = {1, 1, 1, 1}});
    test_pooling(random, {3, 7, 9, 3},
                 {.kernel_y = 3, .kernel_x = 2, .stride_y = 1, .stride_x = 3, .padding = {2, 0, 1, 0}});
    test_pooling(random, {1, 5, 6, 4},
                 {.kernel_y = 1, .kernel_x = 1, .stride_y = 2, .stride_x = 4}); // cells in no window
    test_pooling(random, {1, 10, 10, 12}, {.kernel_y = 7, .kernel_x = 7, .padding = {3, 3, 3, 3}});
    test_pooling(random, {1, 65, 3, 6}, {.kernel_y = 4, .kernel_x = 3, .stride_y = 3, .ceil_mode = true});
    test_pooling(random, {1, 3, 129, 4},
                 {.kernel_y = 2, .kernel_x = 5, .stride_y = 2, .stride_x = 4, .ceil_mode = true});
    test_pooling(random, {1, 4, 5, 257},
                 {.kernel_y = 2, .kernel_x = 2, .stride_y = 1, .stride_x = 2, .padding = {1, 0, 0, 1}});
    test_pooling(random, {257, 2, 3, 1},
                 {.kernel_y = 2, .kernel_x = 2, .padding = {0, 1, 1, 0}, .ceil_mode = true});
}

TEST_F(WindowPool, MatchesTheReferencesAtRandom) {
    for (int i = 0; i < 40; ++i) {
        Pooling p{.kernel_y = random.integer(1, 4), .kernel_x = random.integer(1, 4)};
        p.stride_y = random.integer(1, 4);
        p.stride_x = random.integer(1, 4);
        p.padding = {random.integer(0, p.kernel_y - 1), random.integer(0, p.kernel_y - 1),
                     random.integer(0, p.kernel_x - 1), random.integer(0, p.kernel_x - 1)};
        p.ceil_mode = random.integer(0, 1);
        test_pooling(random, {2, random.integer(4, 12), random.integer(4, 12), random.integer(1, 9)}, p);
    }
}

TEST_F(WindowPool, TakesTheKernelForTheStride) {
    const Tensor x = random.uniform({2, 6, 9, 4});
    const Tensor y = run({"max_pool", {x}, {{"kernel", std::vector<int64_t>{2, 3}}}});
    EXPECT_EQ(y.data,
              reference::max_pool(x, {.kernel_y = 2, .kernel_x = 3, .stride_y = 2, .stride_x = 3}).data);
}

TEST_F(WindowPool, IsCutToWhatABindingCovers) {
    test_pooling(random, {23, 8, 8, 16},
                 {.kernel_y = 3, .kernel_x = 3, .stride_y = 2, .stride_x = 2, .padding = {1, 1, 1, 1}},
                 {.device = device(16384)});
}

TEST_F(WindowPool, RefusesWhatDoesNotFit) {
    const Tensor x({1, 4, 4, 2});
    EXPECT_NE(refusal(pool_op("max_pool", x, {.kernel_y = 5})).find("does not fit"), std::string::npos);
    EXPECT_NE(refusal(pool_op("max_pool", x, {.kernel_y = 2, .padding = {2, 0, 0, 0}})).find("padding"),
              std::string::npos);
    EXPECT_NE(refusal(pool_op("average_pool", Tensor({4, 4, 2}), {})).find("rank"), std::string::npos);
    EXPECT_NE(refusal({"max_pool", {x}, {{"kernel", std::vector<int64_t>{2}}}}).find("kernel"),
              std::string::npos);
    EXPECT_NE(
        refusal(
            {"max_pool", {x}, {{"kernel", std::vector<int64_t>{2, 2}}, {"stride", std::vector<int64_t>{2}}}})
            .find("stride"),
        std::string::npos);
    EXPECT_NE(refusal({"max_pool", {x}}).find("kernel"), std::string::npos);
}

struct GlobalAveragePool : OpTest {};

// Sums of up to 257 * 35 cells, in runs of the square root of their number: some 100 roundings of 2^-24 at
// most.
TEST_F(GlobalAveragePool, MatchesTheReference) {
    std::vector<Shape> shapes = reference::shape_matrix(4);
    shapes.insert(shapes.end(), {{8, 7, 7, 1280}, {128, 1, 1, 256}, {2, 56, 56, 24}});
    for (const Shape& shape : shapes) {
        SCOPED_TRACE(to_string(shape));
        const Tensor x = random.uniform(shape, -1, 2), dy = random.uniform({shape[0], shape[3]});
        Tensor y = reference::global_average_pool(x), dy4 = dy;
        y.shape = dy.shape;
        dy4.shape = {shape[0], 1, 1, shape[3]};
        const OpCase pool{"global_average_pool", {x}};
        expect_near(run(pool), y, 1e-5);
        expect_near_elementwise(run_gradients(pool, dy, {0})[0],
                                reference::global_average_pool_backward(x, dy4), 2e-7, 0);
    }
}

TEST_F(GlobalAveragePool, IsCutToWhatABindingCovers) {
    const Tensor x = random.uniform({37, 3, 5, 64}), dy = random.uniform({37, 64});
    const OpCase pool{"global_average_pool", {x}};
    const RunOptions small{.device = device(8192)};
    EXPECT_EQ(run(pool, small).data, run(pool).data);
    EXPECT_EQ(run_gradients(pool, dy, {0}, small)[0].data, run_gradients(pool, dy, {0})[0].data);
}

} // namespace lemnos::test
