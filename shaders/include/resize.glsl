// What resize.comp and resize_gradient.comp share: the taps of one axis, in exact integer arithmetic. The
// centre of output cell o lies at a position of the input that is a multiple of 1 / unit:
//   half-pixel centres  ((2 o + 1) in - out) / (2 out)
//   aligned corners     o (in - 1) / (out - 1)
#include "pixel.glsl"
layout(constant_id = 2) const bool BILINEAR = false;
layout(constant_id = 3) const bool CORNERS = false;

struct Axis {
    uint size, out_size;
    uint unit, multiplier, shift; // the unit, and quotient.glsl's numbers for it
    uint back_multiplier, back_shift;
};

uint unit_of(uint size) { return CORNERS ? max(size - 1, 1) : 2 * size; }

Axis down_axis() {
    return Axis(height, out_height, unit_of(out_height), unit_y_multiplier, unit_y_shift, back_y_multiplier,
                back_y_shift);
}

Axis across_axis() {
    return Axis(width, out_width, unit_of(out_width), unit_x_multiplier, unit_x_shift, back_x_multiplier,
                back_x_shift);
}

struct Tap {
    uint cell;   // it and the next share the output cell
    float share; // of the next
};

Tap tap_of(uint o, Axis axis) {
    uint position = CORNERS ? (axis.out_size == 1 ? 0 : o * (axis.size - 1)) : (2 * o + 1) * axis.size;
    if (BILINEAR && !CORNERS) position -= min(position, axis.out_size);
    const uint cell = quotient(position, axis.multiplier, axis.shift);
    if (!BILINEAR) return Tap(cell, 0);
    if (cell >= axis.size - 1) return Tap(axis.size - 1, 0);
    return Tap(cell, float(position - cell * axis.unit) / float(axis.unit));
}

// The weight of input cell i in output cell o.
float weight_of(uint o, uint i, Axis axis) {
    const Tap tap = tap_of(o, axis);
    return i == tap.cell ? 1 - tap.share : i == tap.cell + 1 ? tap.share : 0;
}

uint back(int position, Axis axis) {
    return quotient(uint(max(position, 0)), axis.back_multiplier, axis.back_shift);
}

// Output cells from x to before y: all that use input cell i, and at most a few more.
uvec2 users_of(uint i, Axis axis) {
    const int cell = int(i), size = int(axis.size), out_size = int(axis.out_size);
    uint first, last;
    if (CORNERS) {
        if (size == 1 || out_size == 1) return uvec2(0, out_size);
        first = back((cell - 1) * (out_size - 1), axis);
        last = back((cell + 1) * (out_size - 1), axis);
    } else {
        first = back((2 * cell - 1) * out_size - size, axis);
        last = back((2 * cell + 3) * out_size - size, axis);
    }
    return uvec2(max(first, 1) - 1, min(last + 2, axis.out_size));
}
