// y[outer][chunk][column] = factor * the sum of term() over the rows of a chunk, in a fixed order and without
// waiting for other invocations; what is left is summed by a further dispatch. A shader that includes this
// declares its inputs, y, y4 and
//     float term(uint at, uint outer_index); // outer_index: the place of numbers that each outer index has
//     vec4 term4(uint at, uint outer_index); // of at, at + 1, at + 2, at + 3 where at % 4 == 0
// and with ADDS_TO_Y before(i) and before4(i), what y[i] or y4[i] holds that the sum is added to.
// A row whose elements all belong to the same sum is laid out as rows of some width, so that neighbouring
// invocations read neighbouring elements; FOLD then adds up the four sums of a vec4.
#include "linear.glsl"
#include "reduction.h"
layout(constant_id = 1) const bool WIDE = false; // a column is a vec4
layout(constant_id = 2) const bool FOLD = false;

vec4 masked_term4(uint at, uint end, uint outer_index) {
    const vec4 whole = term4(at, outer_index);
    vec4 result = vec4(0);
    for (uint c = 0; c < 4; ++c)
        if (at + c < end) result[c] = whole[c];
    return result;
}

void main() {
    const uint i = linear_index();
    if (i >= outer * chunks * columns) return;
    const uint part = i / columns, column = i - part * columns;
    const uint o = part / chunks, chunk = part - o * chunks;
    const uint from = chunk * chunk_rows, size = WIDE ? 4 : 1, row = columns * size;
    const uint end = x_first + (o + 1) * row_length;
    const uint outer_index = outer_first + o;
    uint at = x_first + o * row_length + from * row + column * size, left = min(chunk_rows, rows - from);
    vec4 sum = vec4(0);
    for (; left > 0 && at + size <= end; --left, at += row)
        if (WIDE) sum += term4(at, outer_index);
        else sum.x += term(at, outer_index);
    if (WIDE && left > 0 && at < end) sum += masked_term4(at, end, outer_index);
    if (WIDE && FOLD) sum.x = (sum.x + sum.y) + (sum.z + sum.w);
    sum *= factor;
#ifdef ADDS_TO_Y
    if (WIDE && !FOLD) sum += before4(y_first / 4 + i);
    else sum.x += before(y_first + i);
#endif
    if (WIDE && !FOLD) y4[y_first / 4 + i] = sum;
    else y[y_first + i] = sum.x;
}
