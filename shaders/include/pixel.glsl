// One invocation for four channels (a column) of a pixel of a grid. Needs the push constants `channels`,
// `grid_height`, `grid_width` and the multipliers and shifts of quotient.glsl for the columns, the width and
// the height of the grid.
#include "linear.glsl"
#include "quotient.glsl"
#include "real.glsl"
layout(constant_id = 1) const bool ALIGNED = true; // channels is a multiple of 4

struct Pixel {
    uint image, y, x, column;
};

Pixel this_pixel() {
    const uint index = linear_index(), columns = (channels + 3) / 4;
    const uint number = quotient(index, column_multiplier, column_shift);
    const uint row = quotient(number, width_multiplier, width_shift);
    const uint image = quotient(row, height_multiplier, height_shift);
    return Pixel(image, row - image * grid_height, number - row * grid_width, index - number * columns);
}

// A tensor of pixels: load_NAME(pixel number, column).
#define READ_PIXELS(number, name)                                                                                      \
    layout(binding = number) readonly buffer Scalars_##name { Real name[]; };                                          \
    layout(binding = number) readonly buffer Vectors_##name { Real4 name##_vectors[]; };                               \
    vec4 load_##name(uint pixel, uint column) {                                                                        \
        if (ALIGNED) return from_real4(name##_vectors[pixel * (channels / 4) + column]);                               \
        const uvec4 at = pixel * channels + min(4 * column + uvec4(0, 1, 2, 3), uvec4(channels - 1));                  \
        return vec4(float(name[at.x]), float(name[at.y]), float(name[at.z]), float(name[at.w]));                       \
    }

#define WRITE_PIXELS(number, name)                                                                                     \
    layout(binding = number) writeonly buffer Scalars_##name { Real name[]; };                                         \
    layout(binding = number) writeonly buffer Vectors_##name { Real4 name##_vectors[]; };                              \
    void store_##name(uint pixel, uint column, vec4 v) {                                                               \
        if (ALIGNED)                                                                                                   \
            name##_vectors[pixel * (channels / 4) + column] = to_real4(v);                                             \
        else                                                                                                           \
            for (uint c = 0; c < 4 && 4 * column + c < channels; ++c)                                                  \
                name[pixel * channels + 4 * column + c] = Real(v[c]);                                                  \
    }
