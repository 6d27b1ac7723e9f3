// What pool.comp and pool_gradient.comp share: one invocation for four channels of a pixel, and windows that lie over the
// padded image but read the image alone.
#include "linear.glsl"
layout(constant_id = 1) const bool ALIGNED = true; // channels is a multiple of 4
layout(constant_id = 2) const uint MODE = 0;
layout(constant_id = 3) const uint KERNEL_Y = 1;
layout(constant_id = 4) const uint KERNEL_X = 1;
layout(constant_id = 5) const uint STRIDE_Y = 1;
layout(constant_id = 6) const uint STRIDE_X = 1;
layout(constant_id = 7) const bool COUNT_PADDING = true; // a mean divides by the cells of the padded image
const uint MODE_MAX = 0;
const uint MODE_AVERAGE = 1;
const uint MODE_WINNER = 2; // the place in its window of the first maximum

struct Pixel {
    uint image, y, x, column;
};

Pixel this_pixel(uint rows, uint row_pixels) {
    const uint index = linear_index(), columns = (channels + 3) / 4;
    Pixel pixel;
    uint rest = index / columns;
    pixel.column = index - rest * columns;
    pixel.x = rest % row_pixels;
    rest /= row_pixels;
    pixel.y = rest % rows;
    pixel.image = rest / rows;
    return pixel;
}

// Window `o` of one axis: the cells of the image from `begin` to before `end`, of which there are `padded` with padding;
// `skipped` of its cells lie before the image.
struct Span {
    uint begin, end, skipped, padded;
};

Span window_span(uint o, uint size, uint kernel, uint stride, uint before, uint after) {
    const uint from = o * stride; // in the padded image
    const uint to = min(from + kernel, before + size + after);
    Span span;
    span.begin = max(from, before) - before;
    span.end = min(max(to, before) - before, size);
    span.skipped = span.begin + before - from;
    span.padded = to - from;
    return span;
}

Span rows_of(uint y) { return window_span(y, height, KERNEL_Y, STRIDE_Y, top, bottom); }
Span columns_of(uint x) { return window_span(x, width, KERNEL_X, STRIDE_X, left, right); }

float divisor(Span rows, Span columns) {
    return float(COUNT_PADDING ? rows.padded * columns.padded
                               : (rows.end - rows.begin) * (columns.end - columns.begin));
}

// The four channels of pixel number `pixel` of a tensor, the last repeated beyond the end.
uvec4 channels_of(uint pixel, uint column) {
    return pixel * channels + min(4 * column + uvec4(0, 1, 2, 3), uvec4(channels - 1));
}
