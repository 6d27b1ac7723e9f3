// ../shared/spec/test-vectors.md, section 5.4: four examples of two channels with two positions, gamma 1, beta 0, epsilon 1e-5.
// Its [n][c][2] is [n][1][2][c] here.
#pragma once

#include "reference/normalisation.h"

namespace lemnos::reference::published_normalisation {

inline Tensor channels_last(const std::vector<double>& published) {
    const auto examples = int64_t(published.size() / 4);
    Tensor x({examples, 1, 2, 2});
    for (int64_t n = 0; n < examples; ++n)
        for (int64_t c = 0; c < 2; ++c)
            for (int64_t i = 0; i < 2; ++i)
                x(n, 0, i, c) = published.at(static_cast<size_t>(4 * n + 2 * c + i));
    return x;
}

inline Tensor examples() { return channels_last({1, 2, 0, -1, 3, 4, 2, 1, -1, 0, 4, 3, 5, -2, -3, 6}); }

struct Row {
    const char* name;
    Grouping grouping;
    Tensor y;
};

inline std::vector<Row> rows() {
    return {
        {"batch",
         {4, 0},
         channels_last({-0.218217682, 0.218217682, -0.557085630, -0.928476051, 0.654653047, 1.091088412,
                        0.185695210, -0.185695210, -1.091088412, -0.654653047, 0.928476051, 0.557085630,
                        1.527523777, -1.527523777, -1.671256891, 1.671256891})},
        {"ghost of 2",
         {2, 0},
         channels_last({-1.341635420, -0.447211807, -0.447211807, -1.341635420, 0.447211807, 1.341635420,
                        1.341635420, 0.447211807, -0.557085630, -0.185695210, 0.447213397, 0.149071132,
                        1.671256891, -0.928476051, -1.639782455, 1.043497926})},
        {"instance",
         {1, 0},
         channels_last({-0.999980001, 0.999980001, 0.999980001, -0.999980001, -0.999980001, 0.999980001,
                        0.999980001, -0.999980001, -0.999980001, 0.999980001, 0.999980001, -0.999980001,
                        0.999999592, -0.999999592, -0.999999753, 0.999999753})},
        {"layer",
         {1, 1},
         channels_last({0.447211807, 1.341635420, -0.447211807, -1.341635420, 0.447211807, 1.341635420,
                        -0.447211807, -1.341635420, -1.212676699, -0.727606019, 1.212676699, 0.727606019,
                        0.868242875, -0.868242875, -1.116312268, 1.116312268})},
        {"batch/group of 2 examples",
         {2, 1},
         channels_last({-0.333332593, 0.333332593, -0.999997778, -1.666662963, 0.999997778, 1.666662963,
                        0.333332593, -0.333332593, -0.780868429, -0.468521057, 0.780868429, 0.468521057,
                        1.093215800, -1.093215800, -1.405563171, 1.405563171})},
        {"batch/group of 4 examples",
         {4, 1},
         channels_last({-0.199999840, 0.199999840, -0.599999520, -0.999999200, 0.599999520, 0.999999200,
                        0.199999840, -0.199999840, -0.999999200, -0.599999520, 0.999999200, 0.599999520,
                        1.399998880, -1.399998880, -1.799998560, 1.799998560})},
    };
}

// The first example at inference, by alpha, with the running moments after one step of decay 0.99.
inline std::vector<std::pair<double, Tensor>> weighed_rows() {
    return {{0, channels_last({0.954564476, 1.923665468, -0.014401888, -0.974527742})},
            {0.25, channels_last({0.543637616, 1.429401553, 0.118219170, -0.921070237})},
            {1, channels_last({-0.999980001, 0.999980001, 0.999980001, -0.999980001})}};
}

} // namespace lemnos::reference::published_normalisation
