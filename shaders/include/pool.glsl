// What pool.comp and pool_gradient.comp share: windows that lie over the padded image but read the image
// alone.
#include "pixel.glsl"
layout(constant_id = 2) const uint MODE = 0;
const uint MODE_MAX = 0;
const uint MODE_AVERAGE = 1;
const uint MODE_WINNER = 2; // the place in its window of the first maximum

// Window `o` of one axis: the cells of the image from `begin` to before `end`, of which there are `padded`
// with padding; `skipped` of its cells lie before the image.
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

Span rows_of(uint y) { return window_span(y, height, kernel_y, stride_y, top, bottom); }
Span columns_of(uint x) { return window_span(x, width, kernel_x, stride_x, left, right); }

float divisor(Span rows, Span columns) {
    return float(count_padding != 0 ? rows.padded * columns.padded
                               : (rows.end - rows.begin) * (columns.end - columns.begin));
}
