// The measurement of the gradient's noise against gradients whose noise is known.
#include "train/noise.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace lemnos {

// Gradients of single images: a mean of norm 0.5 and independent noise; micro-batches of 8, batches of 64.
TEST(GradientNoise, IsMeasuredWithoutBias) {
    constexpr int dimensions = 20, micro = 8, batch = 64;
    constexpr double deviation = 0.3, mean = 0.5;
    std::mt19937 engine(1);
    std::normal_distribution<double> normal(0, deviation);
    GradientNoise noise(0.999);
    EXPECT_EQ(noise.noise_batch(), 0);
    for (int64_t step = 0; step < 4000; ++step) {
        double total[dimensions] = {};
        for (int first = 0; first < batch; first += micro) {
            double sum[dimensions] = {}, squared = 0;
            for (int image = 0; image < micro; ++image)
                for (int i = 0; i < dimensions; ++i) sum[i] += (i == 0 ? mean : 0) + normal(engine);
            for (int i = 0; i < dimensions; ++i) {
                sum[i] *= 1024.0 / batch; // as the device adds them up, under a loss scale
                squared += sum[i] * sum[i];
                total[i] += sum[i];
            }
            noise.add_micro_batch(step, squared, micro, batch);
        }
        double squared = 0;
        for (double value : total) squared += value * value / (1024.0 * 1024.0);
        noise.add_batch(step, std::sqrt(squared), 1024, step % 7 == 0);
    }
    const double expected = dimensions * deviation * deviation / (mean * mean);
    EXPECT_NEAR(noise.noise_batch(), expected, 0.05 * expected);

    GradientNoise copy(0.999);
    copy.set_state(noise.state());
    EXPECT_EQ(copy.noise_batch(), noise.noise_batch());
}

// The variance of a mean over a batch without replacement falls as (1 / B)(1 - B / N).
TEST(GradientNoise, OfBatchesWithoutReplacementFallsWithTheBatch) {
    constexpr double examples = 50000;
    const auto variance = [](double batch) { return (1 / batch) * (1 - batch / examples); };
    EXPECT_NEAR(variance(128) / variance(640), 5.0518, 1e-4);
}

TEST(GradientNoise, OfNothingButNoiseIsInfinite) {
    GradientNoise noise;
    for (int i = 0; i < 2; ++i) noise.add_micro_batch(0, 0.25, 4, 8);
    noise.add_batch(0, 0.1, 1, false); // |G_B|^2 below |G_b|^2 / 2
    EXPECT_TRUE(std::isinf(noise.noise_batch()));
    GradientNoise one;
    one.add_micro_batch(0, 1, 8, 8);
    one.add_batch(0, 1, 1, false);
    EXPECT_EQ(one.noise_batch(), 0) << "one micro-batch measures nothing";
}

} // namespace lemnos
