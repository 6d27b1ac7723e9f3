#version 450
#extension GL_GOOGLE_include_directive : require
// Lists the boxes of an image and the anchor of each: of the cell where its centre lies the prior of the most
// similar shape, of equals the first. One invocation an image.
#include "linear.glsl"
#include "boxes.glsl"
#include "yolo_targets.h"
#include "truth.glsl"
layout(binding = 0) readonly buffer Anchors { vec4 anchor[]; };
READ_TRUTH(1)
layout(binding = 2) writeonly buffer List { uint list[]; };

uint anchor_of(vec4 box) {
    const vec4 centre = box_centre(box);
    const uint row = uint(clamp(floor(centre.x * float(rows)), 0.0, float(rows - 1)));
    const uint column = uint(clamp(floor(centre.y * float(columns)), 0.0, float(columns - 1)));
    const vec4 shape = anchor_corners(vec4(0, 0, max(centre.zw, vec2(least_size))));
    const uint first = (row * columns + column) * priors;
    float best = -1;
    uint of = first;
    for (uint p = first; p < first + priors; ++p) {
        const float value = overlap(shape, anchor_corners(vec4(0, 0, anchor[p].zw)));
        if (value > best) {
            best = value;
            of = p;
        }
    }
    return of;
}

void main() {
    const uint image = linear_index();
    if (image >= images) return;
    uint count = 0;
    for (uint t = 0; t < truths; ++t) {
        if (!(TRUTH_CLASS(image, t) >= 0)) continue;
        TRUTH_AT(image, count) = t;
        TRUTH_AT(image, truths + count) = anchor_of(TRUTH_BOX(image, t));
        ++count;
    }
    TRUTH_COUNT(image) = count;
}
