#version 450
#extension GL_GOOGLE_include_directive : require
// Lists the boxes among an image's rows of truth (truth.glsl), so that the others cost nothing. One
// invocation an image.
#include "linear.glsl"
#include "match_anchors.h"
#include "truth.glsl"
READ_TRUTH(0)
layout(binding = 1) writeonly buffer List { uint list[]; };

void main() {
    const uint image = linear_index();
    if (image >= images) return;
    uint count = 0;
    for (uint t = 0; t < truths; ++t)
        if (TRUTH_CLASS(image, t) >= 0) TRUTH_AT(image, count++) = t;
    TRUTH_COUNT(image) = count;
}
