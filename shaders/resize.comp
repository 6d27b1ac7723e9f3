#version 450
#extension GL_GOOGLE_include_directive : require
// Nearest or bilinear resize; one invocation for four channels of a pixel of the result.
// variants: REAL=32 REAL=16
#include "resize.h"
#include "resize.glsl"
READ_PIXELS(0, x)
WRITE_PIXELS(1, y)

vec4 row_value(uint row, Tap across, uint column) {
    const vec4 v = load_x(row * width + across.cell, column);
    if (!BILINEAR || across.share == 0) return v;
    return v * (1 - across.share) + load_x(row * width + across.cell + 1, column) * across.share;
}

void main() {
    const Pixel pixel = this_pixel();
    if (pixel.image >= images) return;
    const Tap down = tap_of(pixel.y, down_axis()), across = tap_of(pixel.x, across_axis());
    const uint row = pixel.image * height + down.cell;
    vec4 v = row_value(row, across, pixel.column);
    if (BILINEAR && down.share != 0)
        v = v * (1 - down.share) + row_value(row + 1, across, pixel.column) * down.share;
    store_y((pixel.image * out_height + pixel.y) * out_width + pixel.x, pixel.column, v);
}
