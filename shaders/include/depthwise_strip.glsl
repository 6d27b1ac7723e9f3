// The strip of an image along which the depthwise kernels of a forward pass and of a filter's gradient walk: STRIP output rows,
// and of the input below them the columns that the next output column needs. Needs addressed.glsl, x as operand 0 and the push constants
// in_height, in_width, pad_left, far and never.
#extension GL_EXT_control_flow_attributes : require
#include "wide.glsl"
layout(local_size_x_id = 0) in;  // 0: workgroup size, best the subgroup's
layout(constant_id = 1) const uint KERNEL_Y = 3;
layout(constant_id = 2) const uint KERNEL_X = 3;
layout(constant_id = 3) const uint STRIDE_Y = 1;
layout(constant_id = 4) const uint STRIDE_X = 1;
layout(constant_id = 5) const uint STRIP = 4;  // 5: output rows a strip
ADDRESSED(0, Real8, x)
ADDRESSED(0, uint, x_words)

const uint TAPS = KERNEL_Y * KERNEL_X;
const uint SPAN = (STRIP - 1) * STRIDE_Y + KERNEL_Y;  // input rows under a strip
// Input columns shared with the next output column.
const uint KEPT = KERNEL_X > STRIDE_X ? KERNEL_X - STRIDE_X : 0;
// Output columns walked before the first is complete.
const int WARM_UP = int((KEPT + STRIDE_X - 1) / STRIDE_X);
shared u64vec4 stage[TAPS * gl_WorkGroupSize.x];

Eight columns[KERNEL_X * SPAN];

void clear_columns() {
    [[unroll]] for (uint i = 0; i < KERNEL_X * SPAN; i++) columns[i] = Eight(vec4(0), vec4(0));
}

// Asks for the input of the output columns from first_x to before last_x, of an image from row in_y on, if it is far: see wide.glsl.
uint ask_columns(int image, int in_y, int first_x, int last_x, uint block, uint blocks) {
    const int begin = max(first_x * int(STRIDE_X) - pad_left, 0);
    const int end = min((last_x - 1) * int(STRIDE_X) - pad_left + int(KERNEL_X), int(in_width));
    const int bottom = far != 0 ? min(in_y + int(SPAN), int(in_height)) : 0;
    uint asked = 0;
    ASK_PIXELS(asked, x_words, image * int(in_height), in_width, ivec2(begin, max(in_y, 0)), ivec2(end, bottom))
    return asked & never;
}

// Those that output column out_x needs anew, of an image from row in_y on.
void read_columns(int image, int in_y, int out_x, uint block, uint blocks) {
    const int row = (image * int(in_height) + in_y) * int(in_width), first = out_x * int(STRIDE_X) - pad_left;
    [[unroll]] for (uint i = KEPT; i < KERNEL_X; i++) {
        const int in_x = first + int(i);
        [[unroll]] for (uint j = 0; j < SPAN; j++) columns[i * SPAN + j] = Eight(vec4(0), vec4(0));
        if (uint(in_x) < in_width) {
            [[unroll]] for (uint j = 0; j < SPAN; j++) {
                READ8_INSIDE(columns[i * SPAN + j], x, uint(in_y + int(j)) < in_height,
                             uint(row + int(j * in_width) + in_x) * blocks + block)
            }
        }
    }
}

void keep_columns() {
    [[unroll]] for (uint i = 0; i < KEPT * SPAN; i++) columns[i] = columns[i + STRIDE_X * SPAN];
}
