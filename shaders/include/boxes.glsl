// Boxes as (top, left, bottom, right), anchors as (centre y, centre x, height, width), in fractions of the
// image. A box of size 0 has a logarithm, too: sizes are at least `least_size` where one is coded.
const float least_size = 1e-4;
const float largest_exponent = 10; // a decoded box is at most exp(10) = 22026 times its anchor

vec4 anchor_corners(vec4 a) {
    const vec2 half_size = 0.5 * a.zw;
    return vec4(a.xy - half_size, a.xy + half_size);
}

vec4 box_centre(vec4 box) { return vec4(0.5 * (box.xy + box.zw), box.zw - box.xy); }

// Intersection over union; 0 where there is no intersection. The same bits in every shader.
float overlap(vec4 a, vec4 b) {
    precise const vec2 a_size = max(a.zw - a.xy, vec2(0)), b_size = max(b.zw - b.xy, vec2(0));
    precise const vec2 common_size = max(min(a.zw, b.zw) - max(a.xy, b.xy), vec2(0));
    precise const float both = common_size.x * common_size.y;
    precise const float either = a_size.x * a_size.y + b_size.x * b_size.y - both;
    precise const float quotient = both / either;
    return both > 0 && either > 0 ? quotient : 0.0;
}

float sigmoid(float x) {
    const float e = exp(-abs(x));
    return (x < 0 ? e : 1.0) / (1 + e);
}

// YOLO's coder for (ty, tx, th, tw), its anchors in the middle of their cells.
vec4 decoded_in_cell(vec4 t, vec4 anchor, vec2 cells) {
    const vec2 centre = anchor.xy + (vec2(sigmoid(t.x), sigmoid(t.y)) - 0.5) / cells;
    return anchor_corners(vec4(centre, anchor.zw * exp(min(t.zw, vec2(largest_exponent)))));
}
