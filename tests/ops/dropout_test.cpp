// Dropout: its decisions against the host's Philox, bit for bit.
#include "ops/harness.h"
#include "reference/elementwise.h"
#include "support/random.h"

#include <algorithm>

namespace lemnos::test {

namespace {

constexpr uint64_t seed = 0xfedcba9876543210;
constexpr uint32_t epoch = 7;

Tensor step_of(uint64_t seed_value, uint32_t epoch_value) {
    return tensor_of(std::vector<int32_t>{int32_t(uint32_t(seed_value)), int32_t(uint32_t(seed_value >> 32)),
                                          int32_t(epoch_value), 12345});
}

OpCase dropout(const Tensor& x, const std::vector<int32_t>& samples, double rate, int64_t layer = 0) {
    return {"dropout",
            {x, {tensor_of(samples), DataType::i32}, {step_of(seed, epoch), DataType::i32}},
            {{"rate", rate}, {"layer", layer}}};
}

// What the operator's description says, by the host's generator.
Tensor mask_of(const Shape& shape, const std::vector<int32_t>& samples, double rate, int64_t layer) {
    Tensor mask(shape);
    const int64_t elements = mask.size() / shape[0];
    for (int64_t i = 0; i < mask.size(); ++i) {
        const int64_t element = i % elements;
        const PhiloxCounter bits = philox(
            {uint32_t(samples[size_t(i / elements)]), epoch, uint32_t(3 | layer << 8), uint32_t(element / 4)},
            philox_key(seed));
        mask[i] = double(bits[size_t(element % 4)]) >= rate * 0x1p32;
    }
    return mask;
}

std::vector<int32_t> samples_of(RandomCases& random, int64_t count) {
    std::vector<int32_t> samples = random.labels(count, 1 << 30);
    samples[0] = -1; // all bits set
    return samples;
}

} // namespace

struct Dropout : OpTest {};

// One multiplication by the rounded 1 / (1 - rate).
TEST_F(Dropout, DropsWhatTheHostsGeneratorSays) {
    for (const Shape& shape :
         {Shape{1}, Shape{65}, Shape{3, 5}, Shape{129, 4}, Shape{5, 257}, Shape{2, 7, 3, 8}})
        for (double rate : {0.0, 0.2, 0.5, 0.999}) {
            SCOPED_TRACE(text(to_string(shape), " rate ", rate));
            const Tensor x = random.uniform(shape, 0.5, 2), dy = random.uniform(shape);
            const std::vector<int32_t> samples = samples_of(random, shape[0]);
            for (int64_t layer : {0, 65535}) {
                const OpCase op = dropout(x, samples, rate, layer);
                const Tensor mask = mask_of(shape, samples, rate, layer);
                expect_near_elementwise(run(op), reference::dropout(x, mask, rate), 2e-7, 0);
                expect_near_elementwise(run_gradients(op, dy, {0})[0],
                                        reference::dropout_backward(dy, mask, rate), 2e-7, 0);
            }
        }
}

TEST_F(Dropout, DoesNotDependOnThePlaceInTheBatch) {
    const Tensor x({6, 3, 11}, 1.0);
    std::vector<int32_t> samples = samples_of(random, 6);
    const Tensor y = run(dropout(x, samples, 0.4));
    std::reverse(samples.begin(), samples.end());
    const Tensor reversed = run(dropout(x, samples, 0.4));
    for (int64_t n = 0; n < 6; ++n)
        for (int64_t i = 0; i < 33; ++i) EXPECT_EQ(y[n * 33 + i], reversed[(5 - n) * 33 + i]);
}

TEST_F(Dropout, KeepsTheRightShare) {
    const int64_t count = 100'000;
    const Tensor y = run(dropout(Tensor({10, count / 10}, 1.0), samples_of(random, 10), 0.3));
    const auto kept =
        double(std::count_if(y.data.begin(), y.data.end(), [](double value) { return value != 0; }));
    EXPECT_NEAR(kept / double(count), 0.7,
                5 * std::sqrt(0.21 / double(count))); // five deviations of fixed bits
}

TEST_F(Dropout, IsCutToWhatABindingCovers) {
    const Shape shape{37, 4, 4, 16};
    const Tensor x = random.uniform(shape, 0.5, 1);
    const std::vector<int32_t> samples(37, 4); // below a binding's alignment, slices begin at whole ones
    EXPECT_EQ(run(dropout(x, samples, 0.5), {.device = device(4096 * 16)}).data,
              run(dropout(x, samples, 0.5)).data);
}

TEST_F(Dropout, RefusesWhatDoesNotFit) {
    const Tensor x({3, 4});
    EXPECT_NE(refusal(dropout(x, {1, 2}, 0.5)).find("sample_index"), std::string::npos);
    EXPECT_NE(refusal(dropout(x, {1, 2, 3}, 1.0)).find("below 1"), std::string::npos);
    EXPECT_NE(refusal(dropout(x, {1, 2, 3}, -0.1)).find("rate"), std::string::npos);
    EXPECT_NE(refusal(dropout(x, {1, 2, 3}, 0.1, 65536)).find("layer"), std::string::npos);
}

} // namespace lemnos::test
