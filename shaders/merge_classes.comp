#version 450
#extension GL_GOOGLE_include_directive : require
// The objects of largest score over all classes of an image, from what each class kept, by falling score; of equals the
// first class. A workgroup an image; a lane has classes of its own and a place in the list of each.
#include "group.glsl"
#include "suppression.h"
layout(binding = 0) readonly buffer Boxes { vec4 boxes[]; };
layout(binding = 1) readonly buffer Kept { uvec2 kept[]; };
layout(binding = 2) readonly buffer Counts { uint counts[]; };
layout(binding = 3) buffer Places { uint places[]; }; // [images of this dispatch][classes]
layout(binding = 4) writeonly buffer Objects { float objects[]; }; // [images][limit][6]

void main() {
    const uint image = group_index(), lane = group_lane();
    if (image >= images) return;
    const uint first = image * classes;
    for (uint c = lane; c < classes; c += LANES) places[first + c] = 0;
    for (uint i = 0; i < limit; ++i) {
        float value = 0;
        uint category = none;
        for (uint c = lane; c < classes; c += LANES) {
            if (places[first + c] == counts[first + c]) continue;
            const float score = uintBitsToFloat(kept[(first + c) * per_class + places[first + c]].x);
            if (category == none || score > value) {
                value = score;
                category = c;
            }
        }
        group_best(value, category);
        const uint row = 6 * ((first_image + image) * limit + i);
        if (category == none) {
            if (lane < 6)
                for (uint c = lane; c < 6; c += LANES) objects[row + c] = c == 0 ? -1.0 : 0.0;
            continue;
        }
        if (category % LANES != lane) continue; // whose class it is
        const uint place = places[first + category]++;
        const vec4 box = clamp(boxes[(first_image + image) * anchors + kept[(first + category) * per_class + place].y], 0.0, 1.0);
        objects[row] = float(category);
        objects[row + 1] = value;
        for (uint c = 0; c < 4; ++c) objects[row + 2 + c] = box[c];
    }
}
