#version 450
#extension GL_GOOGLE_include_directive : require
// Maximum or mean of the cells of every window, or the place of its first maximum in row-major order.
// variants: REAL=32 REAL=16
#include "pool.h"
#include "pool.glsl"
READ_PIXELS(0, x)
WRITE_PIXELS(1, y)
layout(binding = 1) writeonly buffer Winners4 { uvec4 winners4[]; }; // padded to whole vec4s of channels

void main() {
    const Pixel pixel = this_pixel();
    if (pixel.image >= images) return;
    const Span rows = rows_of(pixel.y), columns = columns_of(pixel.x);
    vec4 result = vec4(0);
    uvec4 winner = uvec4(0);
    for (uint iy = rows.begin; iy < rows.end; ++iy)
        for (uint ix = columns.begin; ix < columns.end; ++ix) {
            const vec4 v = load_x((pixel.image * height + iy) * width + ix, pixel.column);
            if (MODE == MODE_AVERAGE) {
                result += v;
                continue;
            }
            const bool first = iy == rows.begin && ix == columns.begin;
            const bvec4 better = first ? bvec4(true) : greaterThan(v, result);
            result = mix(result, v, better);
            if (MODE == MODE_WINNER) {
                const uint down = iy - rows.begin + rows.skipped, across = ix - columns.begin + columns.skipped;
                const uint place = down * kernel_x + across;
                winner = mix(winner, uvec4(place), better);
            }
        }
    const uint out_pixel = (pixel.image * out_height + pixel.y) * out_width + pixel.x;
    if (MODE == MODE_WINNER) {
        winners4[out_pixel * ((channels + 3) / 4) + pixel.column] = winner;
        return;
    }
    if (MODE == MODE_AVERAGE) result /= divisor(rows, columns);
    store_y(out_pixel, pixel.column, result);
}
