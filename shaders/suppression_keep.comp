#version 450
#extension GL_GOOGLE_include_directive : require
// Keeps the best candidate of a group, drops those that overlap it, and again, a workgroup a group: of the
// BATCH best candidates that are left, which are found digit by digit from counts of each of the 256 digits,
// sorted, and looked at in that order. What they leave of the others is found once a batch, so where many are
// kept nobody looks at those at all. A lane owns every LANES-th candidate of the list and moves up those that
// are left.
#include "group.glsl"
#include "boxes.glsl"
#include "non_maximum_suppression.h"
layout(binding = 0) readonly buffer Boxes { vec4 boxes[]; };
layout(binding = 1) readonly buffer Totals { uint totals[]; };
// Scores are above 0, so their bits have their order.
layout(binding = 2) buffer CandidateScores { uint candidate_scores[]; };
layout(binding = 3) buffer Candidates { uint candidates[]; };
layout(binding = 4) writeonly buffer Kept { uvec2 kept[]; }; // score and candidate, [images][groups][most]
layout(binding = 5) writeonly buffer States { uvec2 states[]; }; // how many were kept, and 0

const uint BATCH = 256, digits = 256;
shared uint counts[digits];
shared uint found_digit, found_place, found_all, batch_count;
// Score and complement of the number: the larger is looked at before. (0, 0) is none.
shared uvec2 batch[BATCH];
shared vec4 batch_boxes[BATCH];
shared uint kept_places[BATCH];

bool before(uvec2 a, uvec2 b) { return a.x > b.x || (a.x == b.x && a.y > b.y); }

// The least of the BATCH largest pairs, of which there are more. Digits below those that decide are 0.
uvec2 least_of_batch(uint list, uint left) {
    uvec2 least = uvec2(0);
    uint place = BATCH;
    for (uint step = 0; step < 8; ++step) {
        const uint word = step / 4, shift = 24 - step % 4 * 8;
        barrier();
        for (uint d = group_lane(); d < digits; d += LANES) counts[d] = 0;
        barrier();
        for (uint i = 0; i < left; ++i) {
            const uvec2 pair = uvec2(candidate_scores[list + i * LANES], ~candidates[list + i * LANES]);
            // Shifts of 32 are undefined, so it is two.
            const bool alike = word == 0 ? (pair.x ^ least.x) >> shift >> 8 == 0
                                         : pair.x == least.x && (pair.y ^ least.y) >> shift >> 8 == 0;
            if (alike) atomicAdd(counts[pair[word] >> shift & (digits - 1)], 1);
        }
        barrier();
        if (group_lane() == 0) {
            uint d = digits - 1;
            for (; d > 0 && counts[d] < place; --d) place -= counts[d];
            found_digit = d;
            found_place = place;
            found_all = counts[d] == place ? 1 : 0;
        }
        barrier();
        least[word] |= found_digit << shift;
        place = found_place;
        if (found_all != 0) break;
    }
    return least;
}

void sort_batch(uint count) {
    for (uint span = 2; span < 2 * count; span *= 2)
        for (uint apart = span / 2; apart > 0; apart /= 2) {
            barrier();
            // Pairs i and i + apart; in every other span the order is turned around.
            for (uint pair = group_lane(); pair < BATCH / 2; pair += LANES) {
                const uint i = 2 * pair - (pair & (apart - 1)), other = i + apart;
                if (i >= 2 * count) break;
                const uvec2 a = batch[i], b = batch[other];
                if (before(b, a) != ((i & span) != 0)) {
                    batch[i] = b;
                    batch[other] = a;
                }
            }
        }
    barrier();
}

void main() {
    const uint group = group_index(), lane = group_lane();
    if (group >= images * groups) return;
    const uint image = group / groups, number = group - image * groups, class_groups = classes / groups;
    const uint list = group * class_groups * anchors + lane, first_box = (first_image + image) * anchors;
    // Of one class the candidates are its anchors and an offset; of several, a division finds the anchor.
    const uint first_candidate = number * class_groups * anchors;
#define BOX_OF(candidate) \
    boxes[first_box + (class_groups == 1 ? (candidate) - first_candidate : (candidate) % anchors)]
    uint left = (totals[group] + LANES - 1 - lane) / LANES, all = totals[group], count = 0, unused;
    while (all > 0) {
        uvec2 least = uvec2(0);
        if (all > BATCH) least = least_of_batch(list, left);
        barrier();
        for (uint i = lane; i < BATCH; i += LANES) batch[i] = uvec2(0);
        if (lane == 0) batch_count = 0;
        barrier();
        for (uint i = 0; i < left; ++i) {
            const uvec2 pair = uvec2(candidate_scores[list + i * LANES], ~candidates[list + i * LANES]);
            if (!before(least, pair)) batch[atomicAdd(batch_count, 1)] = pair; // in any order: they are sorted
        }
        barrier();
        const uint in_batch = batch_count;
        sort_batch(in_batch);
        for (uint i = lane; i < in_batch; i += LANES) batch_boxes[i] = BOX_OF(~batch[i].y);
        barrier();

        uint kept_now = 0;
        for (uint j = 0; j < in_batch && count < most; ++j) {
            if (batch[j].x == 0) continue;
            if (lane == 0) {
                kept[group * most + count] = uvec2(batch[j].x, ~batch[j].y);
                kept_places[kept_now] = j;
            }
            ++count;
            ++kept_now;
            const vec4 box = batch_boxes[j];
            // A lane owns every LANES-th place.
            for (uint i = j + 1 + (lane - j - 1) % LANES; i < in_batch; i += LANES)
                if (overlap(box, batch_boxes[i]) > overlap_threshold) batch[i].x = 0;
            barrier();
        }
        if (count == most || all == in_batch) break;

        uint stays = 0;
        for (uint i = 0; i < left; ++i) {
            const uint score = candidate_scores[list + i * LANES], candidate = candidates[list + i * LANES];
            if (!before(least, uvec2(score, ~candidate))) continue;
            const vec4 box = BOX_OF(candidate);
            bool free = true;
            for (uint k = 0; k < kept_now && free; ++k)
                free = !(overlap(batch_boxes[kept_places[k]], box) > overlap_threshold);
            if (!free) continue;
            candidate_scores[list + stays * LANES] = score;
            candidates[list + stays * LANES] = candidate;
            ++stays;
        }
        left = stays;
        all = group_count(left, unused);
    }
    if (lane == 0) states[group] = uvec2(count, 0);
}
