// A convolution is a list of products x * w that are added into y. The three directions walk the same list:
// y += x * w, dx += dy * w, dw += dy * x.
#include "reference/convolution.h"

namespace lemnos::reference {
namespace {

Shape output_shape(const Tensor& x, const Tensor& w, const Conv2d& a) {
    require(x.shape.size() == 4 && w.shape.size() == 4, "A convolution takes NHWC and HWIO tensors, not ",
            shape_text(x.shape), " and ", shape_text(w.shape), ".");
    require(extent(w, 2) * a.groups == extent(x, 3) && extent(w, 3) % a.groups == 0, "Weights ",
            shape_text(w.shape), " in ", a.groups, " groups do not fit the input ", shape_text(x.shape), ".");
    const Padding& p = a.padding;
    return {extent(x, 0), window_count(extent(x, 1), extent(w, 0), a.stride_y, a.dilation_y, p.top, p.bottom),
            window_count(extent(x, 2), extent(w, 1), a.stride_x, a.dilation_x, p.left, p.right),
            extent(w, 3)};
}

// Calls visit(i, k, o) for every product x[i] * weights[k] that belongs to y[o].
template <typename Visit>
void for_each_product(const Tensor& x, const Tensor& w, const Shape& output, const Conv2d& a, Visit visit) {
    const int64_t height = extent(x, 1), width = extent(x, 2), in = extent(x, 3);
    const int64_t kernel_y = extent(w, 0), kernel_x = extent(w, 1), group_in = extent(w, 2),
                  out = extent(w, 3);
    for (int64_t o = 0; o < element_count(output); ++o) {
        const Shape at = index_of(o, output);
        const int64_t n = at[0], channel = at[3], group = channel / (out / a.groups);
        for (int64_t ky = 0; ky < kernel_y; ++ky)
            for (int64_t kx = 0; kx < kernel_x; ++kx) {
                const int64_t iy = at[1] * a.stride_y - a.padding.top + ky * a.dilation_y;
                const int64_t ix = at[2] * a.stride_x - a.padding.left + kx * a.dilation_x;
                if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue; // padding is zero
                for (int64_t c = 0; c < group_in; ++c)
                    visit(((n * height + iy) * width + ix) * in + group * group_in + c,
                          ((ky * kernel_x + kx) * group_in + c) * out + channel, o);
            }
    }
}

void add_bias(Tensor& y, const Tensor& bias) {
    if (bias.empty()) return;
    require(bias.shape == Shape{extent(y, -1)}, "The bias ", shape_text(bias.shape),
            " does not fit the output ", shape_text(y.shape), ".");
    for (int64_t o = 0; o < y.size(); ++o) y[o] += bias[o % bias.size()];
}

Tensor bias_gradient(const Tensor& dy) {
    Tensor db({extent(dy, -1)});
    for (int64_t o = 0; o < dy.size(); ++o) db[o % db.size()] += dy[o];
    return db;
}

// A linear layer is the 1 x 1 convolution of images of one cell.
Tensor as_cells(const Tensor& x) { return Tensor({x.size() / extent(x, -1), 1, 1, extent(x, -1)}, x.data); }
Tensor as_kernel(const Tensor& w) { return Tensor({1, 1, extent(w, 0), extent(w, 1)}, w.data); }

} // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2d& a) {
    Tensor y(output_shape(x, w, a));
    for_each_product(x, w, y.shape, a, [&](int64_t i, int64_t k, int64_t o) { y[o] += x[i] * w[k]; });
    add_bias(y, bias);
    return y;
}

Conv2dGradients conv2d_backward(const Tensor& x, const Tensor& w, const Tensor& dy, const Conv2d& a) {
    require(dy.shape == output_shape(x, w, a), "The gradient ", shape_text(dy.shape),
            " does not have the shape of the output ", shape_text(output_shape(x, w, a)), ".");
    Conv2dGradients d{Tensor(x.shape), Tensor(w.shape), bias_gradient(dy)};
    for_each_product(x, w, dy.shape, a, [&](int64_t i, int64_t k, int64_t o) {
        d.x[i] += dy[o] * w[k];
        d.weights[k] += dy[o] * x[i];
    });
    return d;
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
    Tensor y = conv2d(as_cells(x), as_kernel(w), bias, {});
    y.shape = x.shape;
    y.shape.back() = extent(w, 1);
    return y;
}

LinearGradients linear_backward(const Tensor& x, const Tensor& w, const Tensor& dy) {
    Conv2dGradients d = conv2d_backward(as_cells(x), as_kernel(w), as_cells(dy), {});
    return {Tensor(x.shape, d.x.data), Tensor(w.shape, d.weights.data), d.bias};
}

} // namespace lemnos::reference
