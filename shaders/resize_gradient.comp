#version 450
#extension GL_GOOGLE_include_directive : require
// The gradient of resize.comp: every cell of the image gathers from the cells of the result that it went
// into.
// variants: REAL=32 REAL=16
#include "resize.h"
#include "resize.glsl"
READ_PIXELS(0, dy)
WRITE_PIXELS(1, dx)

void main() {
    const Pixel pixel = this_pixel();
    if (pixel.image >= images) return;
    const Axis y_axis = down_axis(), x_axis = across_axis();
    const uvec2 down = users_of(pixel.y, y_axis), across = users_of(pixel.x, x_axis);
    vec4 sum = vec4(0);
    for (uint oy = down.x; oy < down.y; ++oy) {
        const float weight = weight_of(oy, pixel.y, y_axis);
        if (weight == 0) continue;
        vec4 row_sum = vec4(0);
        for (uint ox = across.x; ox < across.y; ++ox) {
            const float share = weight_of(ox, pixel.x, x_axis);
            if (share == 0) continue;
            row_sum += share * load_dy((pixel.image * out_height + oy) * out_width + ox, pixel.column);
        }
        sum += weight * row_sum;
    }
    store_dx((pixel.image * height + pixel.y) * width + pixel.x, pixel.column, sum);
}
