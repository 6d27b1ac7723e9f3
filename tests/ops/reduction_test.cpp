// sum and mean over all kinds of axes, small and large.
#include "ops/harness.h"
#include "reference/reduction.h"

namespace lemnos::test {

// An invocation adds at most 512 numbers one by one, passes follow one another: at worst some 600 roundings
// of 2^-24 of the sum of magnitudes. The terms here lie in [-1, 1]; a sum that happens to be near 0 is
// measured against the root of the number of terms, the size of a random sum.
static constexpr double tolerance = 600 * 0x1p-24;

struct Reduction : OpTest {
    void expect(const Shape& shape, const std::vector<int64_t>& axes, const RunOptions& options = {}) {
        std::vector<int64_t> all = axes;
        if (axes.empty())
            for (size_t axis = 0; axis < shape.size(); ++axis) all.push_back(int64_t(axis));
        for (int64_t& axis : all) axis += axis < 0 ? int64_t(shape.size()) : 0;
        const Tensor x = random.uniform(shape);
        for (bool keep : {false, true}) {
            SCOPED_TRACE(text(to_string(shape), " over ", to_string(axes), keep ? ", kept" : ""));
            const auto kept = keep ? reference::ReducedAxes::keep : reference::ReducedAxes::drop;
            const Attributes attributes{{"axes", axes}, {"keep_dims", int64_t(keep)}};
            const Tensor sum = reference::sum(x, all, kept), mean = reference::mean(x, all, kept);
            const double terms = double(x.size()) / double(sum.size());
            EXPECT_EQ(mismatch(run({"sum", {x}, attributes}, options), sum, tolerance, std::sqrt(terms)), "");
            EXPECT_EQ(
                mismatch(run({"mean", {x}, attributes}, options), mean, tolerance, 1 / std::sqrt(terms)), "");
            const Tensor dy = random.uniform(sum.shape);
            // Copies, and one division.
            expect_near(run_gradients({"sum", {x}, attributes}, dy, {0}, options)[0],
                        reference::sum_backward(x, dy, all), 0x1p-24);
            expect_near(run_gradients({"mean", {x}, attributes}, dy, {0}, options)[0],
                        reference::mean_backward(x, dy, all), 2e-7);
        }
    }
};

TEST_F(Reduction, EverythingToOneNumber) {
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{2}, Shape{3}, Shape{64}, Shape{65}, Shape{129},
                               Shape{257}, Shape{4099}, Shape{3, 5, 7}, Shape{100, 100, 13}})
        expect(shape, {});
}

TEST_F(Reduction, LeadingAxesToChannels) {
    for (int64_t channels : {1, 2, 3, 4, 16, 65, 129, 257}) {
        expect({7, channels}, {0});
        expect({2, 5, 9, channels}, {0, 1, 2});
    }
    expect({70000, 3}, {0});
    expect({20000, 8}, {0});
    expect({65, 1}, {0});
}

TEST_F(Reduction, LastAxis) {
    for (int64_t length : {1, 2, 3, 4, 63, 65, 129, 257, 1001, 2052}) expect({5, length}, {1});
    expect({3001, 7}, {-1});
    expect({1, 40001}, {1});
    expect({5, 40004}, {1});
}

TEST_F(Reduction, AxesBetween) {
    expect({3, 5, 7}, {1});
    expect({3, 65, 4}, {1});
    expect({2, 700, 12}, {1});
    expect({2, 7, 7, 20}, {1, 2});
    expect({3, 4, 5, 6}, {0, 2});
    expect({3, 4, 5, 6}, {-1, 1});
    expect({2, 3, 2, 3, 2, 3, 2, 3}, {0, 2, 4, 6});
    expect({2, 3, 2, 3, 2, 3, 2, 3}, {1, 3, 5, 7});
    expect({1, 5, 1, 7}, {0, 2});
    expect({1, 5, 1, 7}, {1});
}

TEST_F(Reduction, LargerThanOneBinding) {
    const RunOptions small{.device = device(4096)};
    expect({5001}, {}, small);
    expect({3, 3001}, {1}, small);
    expect({3, 3004}, {1}, small);
    expect({2, 3, 5, 101}, {0, 2}, small);
    expect({1500, 8}, {0}, small);
    expect({1500, 7}, {0}, small);
    expect({40, 300}, {0}, small);
    expect({3, 40, 68}, {1}, small);
    expect({3, 40, 67}, {1}, small);
    expect({1300, 5}, {1}, small);
    expect({1300, 1}, {1}, small);
}

TEST_F(Reduction, RowsThatOneBindingCannotPairAreRefused) {
    try {
        run({"sum", {Tensor({3, 1000})}, {{"axes", std::vector<int64_t>{0}}}}, {.device = device(4096)});
        ADD_FAILURE() << "It was not refused.";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::unsupported);
    }
}

TEST_F(Reduction, ManySmallNumbersKeepTheirSum) {
    // One running sum of f32 would stop growing at 2^24 times 0.1's spacing; this one is exact to some
    // roundings.
    const Tensor x({1 << 20}, double(0.1f));
    expect_near(run({"sum", {x}}), reference::sum(x, {0}), 1e-6);
}

TEST_F(Reduction, TheSumMayBeHuge) {
    const Tensor x = random.with_edges({1000});
    EXPECT_EQ(mismatch(run({"sum", {x}}), reference::sum(x, {0}), 1e-5, 1e18), "");
}

TEST_F(Reduction, RefusesWhatIsNoAxis) {
    EXPECT_EQ(refusal({"sum", {Tensor({2, 3})}, {{"axes", std::vector<int64_t>{2}}}}),
              "Operator sum: the axis 2 does not exist in x (2 x 3, rank 2).");
    EXPECT_EQ(refusal({"mean", {Tensor({2, 3})}, {{"axes", std::vector<int64_t>{1, -1}}}}),
              "Operator mean: the axis -1 is named twice.");
}

} // namespace lemnos::test
