#version 450
#extension GL_GOOGLE_include_directive : require
// SSD's coder: where an anchor's true box lies, and of which class it is.
#include "linear.glsl"
#include "boxes.glsl"
#include "encode_boxes.h"
#include "truth.glsl"
layout(constant_id = 1) const bool X_FIRST = false;
layout(binding = 0) readonly buffer Anchors { vec4 anchor[]; };
READ_TRUTH(1)
layout(binding = 2) readonly buffer Matches { uint matches[]; }; // a negative one is a large one
layout(binding = 3) writeonly buffer Targets { vec4 targets[]; };
layout(binding = 4) writeonly buffer Labels { int labels[]; };

void main() {
    const uint i = linear_index();
    if (i >= count) return;
    const uint image = i / anchors, t = matches[i], row = min(t, truths - 1);
    const vec4 a = anchor[i - image * anchors], box = box_centre(TRUTH_BOX(image, row));
    const float category = TRUTH_CLASS(image, row);
    const vec2 size = max(a.zw, vec2(least_size));
    const vec4 coded = vec4((box.xy - a.xy) / size, log(max(box.zw, vec2(least_size)) / size)) *
                       vec4(scale_y, scale_x, scale_height, scale_width);
    const bool matched = t < truths && category >= 0;
    targets[i] = matched ? (X_FIRST ? coded.yxwz : coded) : vec4(0);
    labels[i] = matched ? int(category) + 1 : 0;
}
