// Random tensors and shapes for tests, the same on every machine. Write at the top of a test
//     RandomCases random;
//     SCOPED_TRACE(random.seed_text());
// and a failure prints the seed; LEMNOS_TEST_SEED=number runs the test with another one.
#pragma once

#include "reference/tensor.h"

#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace lemnos::reference {

// Zeros of both signs, the kinks of the activations, and the tiny and huge: the squares of 1e-18 and 1e18 are
// still normal numbers of f32, and below them only its least normal number is left.
inline std::vector<double> edge_values() {
    return {-0.0, 0.0, 6, -6, 3, -3, 1e-18, -1e-18, 0x1p-126, -0x1p-126, 1e18, -1e18};
}

class RandomCases {
  public:
    explicit RandomCases(uint64_t seed = chosen_seed()) : seed_(seed), engine_(seed) {}

    uint64_t seed() const { return seed_; }
    std::string seed_text() const { return text("LEMNOS_TEST_SEED=", seed_); }

    // In [low, high], and a number of f32, so that a device and a reference are given the same.
    double number(double low, double high) {
        const double unit = static_cast<double>(engine_() >> 11) * 0x1p-53;
        return static_cast<float>(low + (high - low) * unit);
    }

    // In [low, high], both included.
    int64_t integer(int64_t low, int64_t high) {
        return low + static_cast<int64_t>(engine_() % static_cast<uint64_t>(high - low + 1));
    }

    Tensor uniform(const Shape& shape, double low = -1, double high = 1) {
        Tensor x(shape);
        for (double& value : x.data) value = number(low, high);
        return x;
    }

    // Uniform, with about every fifth element replaced by the edges in turn.
    Tensor with_edges(const Shape& shape, double low = -8, double high = 8,
                      const std::vector<double>& edges = edge_values()) {
        Tensor x = uniform(shape, low, high);
        size_t next = 0;
        for (double& value : x.data)
            if (integer(0, 4) == 0) value = static_cast<float>(edges[next++ % edges.size()]);
        return x;
    }

    // Uniform, at least 1e-3 away from every kink: there central differences are sound.
    Tensor away_from(const std::vector<double>& kinks, const Shape& shape, double low = -8, double high = 8) {
        Tensor x = uniform(shape, low, high);
        for (double& value : x.data)
            for (double kink : kinks)
                if (std::abs(value - kink) < 1e-3) value = kink + std::copysign(2e-3, value - kink);
        return x;
    }

    // No two elements are closer than 2 / size: a maximum is nowhere tied.
    Tensor distinct(const Shape& shape) {
        Tensor x(shape);
        for (int64_t i = 0; i < x.size(); ++i)
            x[i] = static_cast<float>(static_cast<double>(2 * i + 1) / static_cast<double>(x.size()) - 1);
        for (int64_t i = x.size() - 1; i > 0; --i) std::swap(x[i], x[integer(0, i)]);
        return x;
    }

    // Each element is 0 or 1, and 0 with probability `rate`.
    Tensor mask(const Shape& shape, double rate) {
        Tensor x(shape);
        for (double& value : x.data) value = number(0, 1) >= rate;
        return x;
    }

    std::vector<int32_t> labels(int64_t count, int64_t classes) {
        std::vector<int32_t> labels(static_cast<size_t>(count));
        for (int32_t& label : labels) label = static_cast<int32_t>(integer(0, classes - 1));
        return labels;
    }

  private:
    static uint64_t chosen_seed() {
        const char* given = std::getenv("LEMNOS_TEST_SEED");
        return given ? std::strtoull(given, nullptr, 10) : 20'190'603;
    }

    uint64_t seed_;
    std::mt19937_64 engine_; // its numbers are fixed by the standard, those of the distributions are not
};

// Shapes worth a test: all sizes 1, odd sizes, and each axis in turn just over a workgroup of 64, 128 and
// 256.
inline std::vector<Shape> shape_matrix(size_t rank) {
    constexpr int64_t odd[] = {3, 5, 7};
    Shape small(rank);
    for (size_t axis = 0; axis < rank; ++axis) small[axis] = odd[axis % 3];
    std::vector<Shape> shapes = {Shape(rank, 1), small};
    for (size_t axis = 0; axis < rank; ++axis)
        for (int64_t size : {65, 129, 257}) {
            shapes.push_back(small);
            shapes.back()[axis] = size;
        }
    return shapes;
}

} // namespace lemnos::reference
