// softmax and log_softmax over the last axis.
#include "ops/harness.h"
#include "reference/loss.h"

namespace lemnos::test {

struct Softmax : OpTest {
    void expect(const Shape& shape, double size, const RunOptions& options = {}) {
        SCOPED_TRACE(text(to_string(shape), " within ", size));
        const Tensor x = random.uniform(shape, -size, size), dy = random.uniform(shape);
        // Vulkan allows exp 3 + 2|x| units in the last place (2^-23): for values within 16 of the largest,
        // which make up the results, at most 35 units or 4e-6; the sum's error is smaller. Logarithms are as
        // exact as x: the error of log_sum, and one rounding at the size of the result.
        expect_near(run({"softmax", {x}}, options), reference::softmax(x), 5e-6);
        expect_near(run({"log_softmax", {x}}, options), reference::log_softmax(x), 2e-6);
        EXPECT_EQ(mismatch(run_gradients({"softmax", {x}}, dy, {0}, options)[0],
                           reference::softmax_backward(x, dy), 1e-5,
                           largest_magnitude(reference::softmax(x))),
                  "");
        // dx = dy - y * sum(dy): the sum of n random terms may be as large as sqrt(n).
        EXPECT_EQ(mismatch(run_gradients({"log_softmax", {x}}, dy, {0}, options)[0],
                           reference::log_softmax_backward(x, dy), 1e-5, 1),
                  "");
    }
};

TEST_F(Softmax, MatchesTheReference) {
    for (int64_t length : {1, 2, 3, 4, 5, 10, 63, 64, 65, 129, 257, 1000, 1001})
        for (int64_t rows : {1, 3, 70}) expect({rows, length}, 4);
}

TEST_F(Softmax, AnyRank) {
    expect({5}, 4);
    expect({300}, 4);
    expect({2, 3, 5, 7}, 4);
    expect({2, 1, 3, 68}, 4);
}

TEST_F(Softmax, LargeValuesDoNotOverflow) {
    expect({7, 10}, 1e4);
    expect({3, 129}, 1e30);
    for (double value : {3e38, -3e38, 0.0, 1e-38}) {
        const Tensor x({2, 67}, value);
        expect_near(run({"softmax", {x}}), reference::softmax(x), 5e-6);
        expect_near_elementwise(run({"log_softmax", {x}}), reference::log_softmax(x), 0, 2e-6);
    }
}

TEST_F(Softmax, LongRows) {
    expect({1, 100003}, 4);
    expect({2, 100004}, 4);
}

TEST_F(Softmax, LargerThanOneBinding) {
    const RunOptions small{.device = device(4096)};
    expect({700, 10}, 4, small);
    expect({300, 7}, 4, small);
    expect({5, 513}, 4, small);
    expect({2, 900}, 4, small);
}

TEST_F(Softmax, RefusesScalars) {
    EXPECT_EQ(refusal({"softmax", {Tensor(Shape{})}}),
              "Operator softmax: the input x is a scalar (an axis to normalise over is needed).");
}

} // namespace lemnos::test
