// A row of the matrices is a pixel of the smaller image, out_height × out_width. Without padding the first tap of a convolution
// meets one of the larger, in_height × in_width, there. Needs the push constants of these names, stride_y and stride_x, and the
// multipliers and shifts of division.glsl for the smaller height and width.
#include "division.glsl"

// Image, y and x in the larger image.
uvec3 pixel_of(uint row) {
    const uint line = divide(row, width_multiplier, width_shift);
    const uint n = divide(line, height_multiplier, height_shift);
    return uvec3(n, (line - n * out_height) * stride_y, (row - line * out_width) * stride_x);
}
// Its number among all of the larger images.
uint number_of(uvec3 pixel) { return (pixel.x * in_height + pixel.y) * in_width + pixel.z; }
