// What resize.comp and resize_gradient.comp share: the taps of one axis, in exact integer arithmetic. The centre of
// output cell o lies at position p / q of the input, with p and q integers:
//   half-pixel centres  ((2 o + 1) in - out) / (2 out)
//   aligned corners     o (in - 1) / (out - 1)
#include "pixel.glsl"
layout(constant_id = 2) const bool BILINEAR = false;
layout(constant_id = 3) const bool CORNERS = false;

struct Tap {
    uint cell;   // it and the next share the output cell
    float share; // of the next
};

Tap tap_of(uint o, uint size, uint out_size) {
    if (!BILINEAR) return Tap((2 * o + 1) * size / (2 * out_size), 0);
    uint position, unit;
    if (CORNERS) {
        position = o * (size - 1);
        unit = max(out_size - 1, 1);
        if (out_size == 1) position = 0;
    } else {
        position = (2 * o + 1) * size;
        position -= min(position, out_size);
        unit = 2 * out_size;
    }
    const uint cell = position / unit;
    if (cell >= size - 1) return Tap(size - 1, 0);
    return Tap(cell, float(position - cell * unit) / float(unit));
}

// The weight of input cell i in output cell o.
float weight_of(uint o, uint i, uint size, uint out_size) {
    const Tap tap = tap_of(o, size, out_size);
    return i == tap.cell ? 1 - tap.share : i == tap.cell + 1 ? tap.share : 0;
}

// Output cells from x to before y: all that use input cell i, and at most a few more.
uvec2 users_of(uint i, uint size, uint out_size) {
    int first, last;
    if (CORNERS) {
        if (size == 1 || out_size == 1) return uvec2(0, out_size);
        first = (int(i) - 1) * int(out_size - 1) / int(size - 1);
        last = (int(i) + 1) * int(out_size - 1) / int(size - 1);
    } else {
        first = ((2 * int(i) - 1) * int(out_size) - int(size)) / (2 * int(size));
        last = ((2 * int(i) + 3) * int(out_size) - int(size)) / (2 * int(size));
    }
    return uvec2(max(first - 1, 0), min(last + 2, int(out_size)));
}
