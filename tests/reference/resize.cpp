// A resize is linear: on each axis an output cell is a weighted sum of input cells, its taps. Forward gathers
// along the taps, backward scatters along the same taps.
#include "reference/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace lemnos::reference {
namespace {

struct Tap {
    int64_t cell;
    double weight;
};

using Taps = std::vector<Tap>;

Taps nearest_taps(int64_t o, int64_t in, int64_t out, Coordinates coordinates) {
    require(coordinates != Coordinates::align_corners, "Nearest resize does not align corners.");
    if (coordinates == Coordinates::half_pixel) return {{(2 * o + 1) * in / (2 * out), 1}};
    return {{o * in / out, 1}};
}

double centre(int64_t o, int64_t in, int64_t out, Coordinates coordinates) {
    const auto cell = static_cast<double>(o), from = static_cast<double>(in), to = static_cast<double>(out);
    switch (coordinates) {
    case Coordinates::asymmetric:
        return cell * from / to;
    case Coordinates::half_pixel:
        return (cell + 0.5) * from / to - 0.5;
    case Coordinates::align_corners:
        return out > 1 ? cell * (from - 1) / (to - 1) : 0;
    }
    return 0;
}

Taps bilinear_taps(int64_t o, int64_t in, int64_t out, Coordinates coordinates) {
    const double at = std::clamp(centre(o, in, out, coordinates), 0.0, static_cast<double>(in - 1));
    const double below = std::floor(at);
    const auto cell = static_cast<int64_t>(below);
    return {{cell, 1 - (at - below)}, {std::min(cell + 1, in - 1), at - below}};
}

// Calls visit(o, i, weight) for every product weight * x[i] that belongs to y[o].
template <typename AxisTaps, typename Visit>
void for_each_product(const Tensor& x, const Resize& a, AxisTaps taps, Visit visit) {
    require(x.shape.size() == 4, "Resize takes an NHWC tensor, not ", shape_text(x.shape), ".");
    const int64_t height = extent(x, 1), width = extent(x, 2), channels = extent(x, 3);
    const Shape output = {extent(x, 0), a.height, a.width, channels};
    for (int64_t o = 0; o < element_count(output); ++o) {
        const Shape at = index_of(o, output);
        for (const Tap& row : taps(at[1], height, a.height, a.coordinates))
            for (const Tap& column : taps(at[2], width, a.width, a.coordinates))
                visit(o, ((at[0] * height + row.cell) * width + column.cell) * channels + at[3],
                      row.weight * column.weight);
    }
}

template <typename AxisTaps>
Tensor gather(const Tensor& x, const Resize& a, AxisTaps taps) {
    Tensor y({extent(x, 0), a.height, a.width, extent(x, -1)});
    for_each_product(x, a, taps, [&](int64_t o, int64_t i, double weight) { y[o] += weight * x[i]; });
    return y;
}

template <typename AxisTaps>
Tensor scatter(const Tensor& x, const Tensor& dy, const Resize& a, AxisTaps taps) {
    Tensor dx(x.shape);
    for_each_product(x, a, taps, [&](int64_t o, int64_t i, double weight) { dx[i] += weight * dy[o]; });
    return dx;
}

} // namespace

Tensor resize_nearest(const Tensor& x, const Resize& a) { return gather(x, a, nearest_taps); }

Tensor resize_nearest_backward(const Tensor& x, const Tensor& dy, const Resize& a) {
    return scatter(x, dy, a, nearest_taps);
}

Tensor resize_bilinear(const Tensor& x, const Resize& a) { return gather(x, a, bilinear_taps); }

Tensor resize_bilinear_backward(const Tensor& x, const Tensor& dy, const Resize& a) {
    return scatter(x, dy, a, bilinear_taps);
}

} // namespace lemnos::reference
