#version 450
#extension GL_GOOGLE_include_directive : require
// The boxes that a network means, by SSD's or YOLO's coder.
#include "linear.glsl"
#include "boxes.glsl"
#include "encode_boxes.h"
layout(constant_id = 1) const bool X_FIRST = false;
layout(constant_id = 2) const bool YOLO = false;
layout(binding = 0) readonly buffer Coded { vec4 coded[]; };
layout(binding = 1) readonly buffer Anchors { vec4 anchor[]; };
layout(binding = 2) writeonly buffer Boxes { vec4 boxes[]; };

void main() {
    const uint i = linear_index();
    if (i >= count) return;
    const vec4 a = anchor[i % anchors], given = coded[i], t = X_FIRST ? given.yxwz : given;
    if (YOLO) {
        boxes[i] = decoded_in_cell(t, a, vec2(rows, columns));
        return;
    }
    const vec4 scaled = t / vec4(scale_y, scale_x, scale_height, scale_width);
    const vec2 size = a.zw * exp(min(scaled.zw, vec2(largest_exponent)));
    boxes[i] = anchor_corners(vec4(a.xy + scaled.xy * a.zw, size));
}
