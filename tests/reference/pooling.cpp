// A window is the list of its cells that lie in the image; padding is only counted.
#include "reference/pooling.h"

#include <algorithm>
#include <vector>

namespace lemnos::reference {
namespace {

// Window number `o` of one axis: its cells in the image are [begin, end); `padded` counts those in the
// padding too.
struct Span {
    int64_t begin, end, padded;
};

struct PoolAxis {
    int64_t input, kernel, stride, before, after;

    int64_t output(bool ceil_mode) const {
        require(before < kernel && after < kernel, "The padding (", before, ", ", after,
                ") is not smaller than the pooling window (", kernel, ").");
        const int64_t room = input + before + after - kernel + (ceil_mode ? stride - 1 : 0);
        require(room >= 0, "A pooling window of ", kernel, " cells does not fit ", input, " cells.");
        const int64_t count = room / stride + 1;
        return ceil_mode && (count - 1) * stride >= input + before ? count - 1 : count;
    }

    Span window(int64_t o) const {
        const int64_t begin = o * stride - before, end = std::min(begin + kernel, input + after);
        return {std::max<int64_t>(begin, 0), std::min(end, input), end - begin};
    }
};

PoolAxis axis_y(const Tensor& x, const Pooling& p) {
    return {extent(x, 1), p.kernel_y, p.stride_y, p.padding.top, p.padding.bottom};
}

PoolAxis axis_x(const Tensor& x, const Pooling& p) {
    return {extent(x, 2), p.kernel_x, p.stride_x, p.padding.left, p.padding.right};
}

Shape output_shape(const Tensor& x, const Pooling& p) {
    require(x.shape.size() == 4, "Pooling takes an NHWC tensor, not ", shape_text(x.shape), ".");
    return {extent(x, 0), axis_y(x, p).output(p.ceil_mode), axis_x(x, p).output(p.ceil_mode), extent(x, 3)};
}

// Calls visit(o, cells, padded) for every output o with the offsets of its cells in the image, in row-major
// order, and the number of its cells in the padded image.
template <typename Visit>
void for_each_window(const Tensor& x, const Shape& output, const Pooling& p, Visit visit) {
    require(output == output_shape(x, p), "The shape ", shape_text(output), " is not that of the output ",
            shape_text(output_shape(x, p)), ".");
    std::vector<int64_t> cells;
    for (int64_t o = 0; o < element_count(output); ++o) {
        const Shape at = index_of(o, output);
        const Span rows = axis_y(x, p).window(at[1]), columns = axis_x(x, p).window(at[2]);
        cells.clear();
        for (int64_t iy = rows.begin; iy < rows.end; ++iy)
            for (int64_t ix = columns.begin; ix < columns.end; ++ix)
                cells.push_back(((at[0] * extent(x, 1) + iy) * extent(x, 2) + ix) * extent(x, 3) + at[3]);
        visit(o, cells, rows.padded * columns.padded);
    }
}

int64_t winner(const Tensor& x, const std::vector<int64_t>& cells) {
    return *std::max_element(cells.begin(), cells.end(), [&](int64_t i, int64_t j) { return x[i] < x[j]; });
}

double divisor(const Pooling& p, const std::vector<int64_t>& cells, int64_t padded) {
    return static_cast<double>(p.count_include_pad ? padded : static_cast<int64_t>(cells.size()));
}

Pooling whole_image(const Tensor& x) { return {.kernel_y = extent(x, 1), .kernel_x = extent(x, 2)}; }

} // namespace

Tensor max_pool(const Tensor& x, const Pooling& p) {
    Tensor y(output_shape(x, p));
    for_each_window(x, y.shape, p,
                    [&](int64_t o, const auto& cells, int64_t) { y[o] = x[winner(x, cells)]; });
    return y;
}

Tensor max_pool_backward(const Tensor& x, const Tensor& dy, const Pooling& p) {
    Tensor dx(x.shape);
    for_each_window(x, dy.shape, p,
                    [&](int64_t o, const auto& cells, int64_t) { dx[winner(x, cells)] += dy[o]; });
    return dx;
}

Tensor average_pool(const Tensor& x, const Pooling& p) {
    Tensor y(output_shape(x, p));
    for_each_window(x, y.shape, p, [&](int64_t o, const auto& cells, int64_t padded) {
        for (int64_t i : cells) y[o] += x[i] / divisor(p, cells, padded);
    });
    return y;
}

Tensor average_pool_backward(const Tensor& x, const Tensor& dy, const Pooling& p) {
    Tensor dx(x.shape);
    for_each_window(x, dy.shape, p, [&](int64_t o, const auto& cells, int64_t padded) {
        for (int64_t i : cells) dx[i] += dy[o] / divisor(p, cells, padded);
    });
    return dx;
}

Tensor global_average_pool(const Tensor& x) { return average_pool(x, whole_image(x)); }

Tensor global_average_pool_backward(const Tensor& x, const Tensor& dy) {
    return average_pool_backward(x, dy, whole_image(x));
}

} // namespace lemnos::reference
