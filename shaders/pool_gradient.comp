#version 450
#extension GL_GOOGLE_include_directive : require
// dx: every cell gathers from the windows that hold it: its share of their gradient, or all of it where it
// won.
// variants: REAL=32 REAL=16
#include "pool.h"
#include "pool.glsl"
READ_PIXELS(0, dy)
WRITE_PIXELS(1, dx)
layout(binding = 2) readonly buffer Winners4 { uvec4 winners4[]; }; // of a maximum; see pool.comp

// The windows of one axis that hold the cell at `at` of the padded image: from x to before y.
uvec2 windows_over(uint at, uint kernel, uint multiplier, uint shift, uint count) {
    return uvec2(at < kernel ? 0 : quotient(at - kernel, multiplier, shift) + 1,
                 min(quotient(at, multiplier, shift) + 1, count));
}

void main() {
    const Pixel pixel = this_pixel();
    if (pixel.image >= images) return;
    const uvec2 above =
        windows_over(pixel.y + top, kernel_y, stride_y_multiplier, stride_y_shift, out_height);
    const uvec2 beside =
        windows_over(pixel.x + left, kernel_x, stride_x_multiplier, stride_x_shift, out_width);
    vec4 result = vec4(0);
    for (uint oy = above.x; oy < above.y; ++oy)
        for (uint ox = beside.x; ox < beside.y; ++ox) {
            const uint window = (pixel.image * out_height + oy) * out_width + ox;
            const vec4 g = load_dy(window, pixel.column);
            if (MODE == MODE_AVERAGE) {
                result += g / divisor(rows_of(oy), columns_of(ox));
            } else {
                const uint down = pixel.y + top - oy * stride_y, across = pixel.x + left - ox * stride_x;
                const uint place = down * kernel_x + across;
                const uvec4 winner = winners4[window * ((channels + 3) / 4) + pixel.column];
                result += mix(vec4(0), g, equal(winner, uvec4(place)));
            }
        }
    store_dx((pixel.image * height + pixel.y) * width + pixel.x, pixel.column, result);
}
