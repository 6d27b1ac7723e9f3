#version 450
#extension GL_GOOGLE_include_directive : require
// The box that is assigned to each anchor, of several the last, and the class that this is to be.
#include "linear.glsl"
#include "yolo_targets.h"
#include "truth.glsl"
READ_TRUTH(0)
layout(binding = 1) readonly buffer Weights { float weights[]; };
layout(binding = 2) buffer List { uint list[]; };
layout(binding = 3) writeonly buffer Labels { int labels[]; };
layout(binding = 4) writeonly buffer ClassWeights { float class_weights[]; };

void main() {
    const uint i = linear_index(), image = i / anchors, a = i - image * anchors;
    if (image >= images) return;
    const uint count = TRUTH_COUNT(image);
    uint of = truths; // none
    for (uint j = 0; j < count; ++j)
        if (TRUTH_AT(image, truths + j) == a) of = TRUTH_AT(image, j);
    TRUTH_AT(image, 2 * truths + a) = of;
    labels[i] = of < truths ? int(TRUTH_CLASS(image, min(of, truths - 1))) : 0;
    class_weights[i] = of < truths ? weights[image] * classes : 0.0;
}
