#version 450
#extension GL_GOOGLE_include_directive : require
// Bytes to normalised numbers, with a random crop out of the padded image and a random flip. A row of the
// result is shared by `row_lanes` lanes, each of which writes every row_lanes-th group of four numbers.
#include "prepare_images.h"
#include "linear.glsl"
#include "philox.glsl"
layout(constant_id = 1) const uint CHANNELS = 3;
layout(constant_id = 2) const bool ALIGNED = true; // a row's numbers are a multiple of 4
layout(constant_id = 3) const bool CROP = false;
layout(constant_id = 4) const bool FLIP = false;
layout(constant_id = 5) const bool REFLECT = false; // the padding mirrors the image; else it is 0
layout(binding = 0) readonly buffer Pixels { uint pixels[]; }; // four bytes a word
layout(binding = 1) readonly buffer Samples { uint samples[]; };
layout(binding = 2) readonly buffer Step { uvec4 step_words; }; // seed low, seed high, epoch
layout(binding = 3) writeonly buffer Y { float y[]; };
layout(binding = 3) writeonly buffer Y4 { vec4 y4[]; };

float normalised(uint value, uint channel) { return float(value) * scale[channel] + offset[channel]; }

int reflected(int at, int size) {
    if (REFLECT) {
        if (at < 0) at = -at;
        if (at >= size) at = 2 * (size - 1) - at;
    }
    return at;
}

void main() {
    const uint i = linear_index(), row = i / row_lanes, image = row / height;
    if (image >= images) return;
    const uint line = row - image * height, numbers = width * CHANNELS, quads = (numbers + 3) / 4;

    int shift_y = 0, shift_x = 0;
    if (CROP) {
        const uvec4 bits = philox(uvec4(samples[image], step_words.z, RANDOM_CROP, 0), step_words.xy);
        shift_y = int(random_below(bits.x, bits.y, 2 * padding + 1)) - int(padding);
        shift_x = int(random_below(bits.z, bits.w, 2 * padding + 1)) - int(padding);
    }
    bool flip = false;
    if (FLIP) {
        const uvec4 bits = philox(uvec4(samples[image], step_words.z, RANDOM_FLIP, 0), step_words.xy);
        flip = bits.x >= 0x80000000u;
    }

    const int source_y = reflected(int(line) + shift_y, int(height));
    const bool inside_y = source_y >= 0 && source_y < int(height);
    const uint source_row = (image * height + uint(max(source_y, 0))) * numbers;
    for (uint quad = i - row * row_lanes; quad < quads; quad += row_lanes) {
        vec4 v = vec4(0);
        uint word = 0;
        if (!CROP && !FLIP && ALIGNED) word = pixels[(source_row + 4 * quad) / 4];
        for (uint c = 0; c < 4; ++c) {
            const uint number = 4 * quad + c, x = number / CHANNELS, channel = number - x * CHANNELS;
            if (!CROP && !FLIP && ALIGNED) {
                v[c] = normalised(word >> 8 * c & 255, channel);
                continue;
            }
            const int source_x = reflected((flip ? int(width) - 1 - int(x) : int(x)) + shift_x, int(width));
            if (inside_y && source_x >= 0 && source_x < int(width)) {
                const uint at = source_row + uint(source_x) * CHANNELS + channel;
                v[c] = normalised(pixels[at / 4] >> 8 * (at & 3) & 255, channel);
            }
        }
        if (ALIGNED)
            y4[row * quads + quad] = v;
        else
            for (uint c = 0; c < 4 && 4 * quad + c < numbers; ++c) y[row * numbers + 4 * quad + c] = v[c];
    }
}
