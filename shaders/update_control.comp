#version 450
#extension GL_GOOGLE_include_directive : require
// Decides what becomes of an update before it is made, in one workgroup: adds up the partial sums of gradient_norm in a
// fixed order; where a gradient is not finite, the step is skipped and the loss scale halved; otherwise gradients are
// scaled to the largest norm allowed. It chooses the row of scalars: row k is for k skipped steps that the host did not
// know of when it wrote them, so that bias corrections count the steps that were taken.
#include "optimizer.h"
#include "update_control.h"
layout(local_size_x_id = 0) in;
layout(binding = 0) readonly buffer Partials { uint partial[]; };
layout(binding = 1) readonly buffer Settings { float settings[]; };
layout(binding = 2) readonly buffer Rows { float row_scalars[]; };
layout(binding = 3) buffer State { float state[]; };
layout(binding = 4) writeonly buffer Scalars { float scalars[]; };
layout(binding = 5) writeonly buffer Report { float report[]; };
layout(binding = 6) writeonly buffer Share { float share[]; };

const uint most_lanes = 64, none = 0xffffffffu;
shared float sums[most_lanes];
shared uint first_bad[most_lanes];

void main() {
    const uint lane = gl_LocalInvocationID.x;
    float sum = 0;
    uint bad = none;
    for (uint i = lane; i < partials; i += gl_WorkGroupSize.x) {
        const uint bits = partial[i];
        if ((bits & 0x7fffffffu) > 0x7f800000u) bad = min(bad, i); // NaN
        else sum += uintBitsToFloat(bits);
    }
    sums[lane] = sum;
    first_bad[lane] = bad;
    barrier();
    if (lane != 0) return;
    for (uint i = 1; i < gl_WorkGroupSize.x; ++i) {
        sum += sums[i];
        bad = min(bad, first_bad[i]);
    }

    const bool skip = bad != none;
    const float scale = state[CONTROL_SCALE], skipped = state[CONTROL_SKIPPED], norm = sqrt(sum) / scale;
    const uint row = min(uint(max(skipped - settings[CONTROL_KNOWN_SKIPS], 0.0)), rows - 1);
    float factor = 1.0 / scale;
    if (settings[CONTROL_LARGEST_NORM] > 0)
        factor *= min(1.0, settings[CONTROL_LARGEST_NORM] / (norm + settings[CONTROL_NORM_EPSILON]));
    for (uint i = 0; i < OPTIMIZER_SCALARS; ++i) scalars[i] = row_scalars[row * OPTIMIZER_SCALARS + i];
    scalars[OPTIMIZER_FACTOR] = row_scalars[row * OPTIMIZER_SCALARS + OPTIMIZER_FACTOR] * factor;
    scalars[OPTIMIZER_SKIP] = skip ? 1.0 : 0.0;
    share[0] = skip ? 0.0 : settings[CONTROL_SHARE];

    report[REPORT_NORM] = norm;
    report[REPORT_SKIPPED] = skip ? 1.0 : 0.0;
    report[REPORT_PARTIAL] = skip ? float(bad) : -1.0;
    report[REPORT_SCALE] = scale;
    report[REPORT_ALL_SKIPPED] = skipped + (skip ? 1.0 : 0.0);
    state[CONTROL_SKIPPED] = skipped + (skip ? 1.0 : 0.0);
    if (settings[CONTROL_INTERVAL] == 0) return;
    const float good = state[CONTROL_GOOD_STEPS] + 1;
    const bool grows = !skip && good >= settings[CONTROL_INTERVAL];
    state[CONTROL_SCALE] = skip ? scale * 0.5 : grows ? min(scale * 2.0, 1e30) : scale;
    state[CONTROL_GOOD_STEPS] = skip || grows ? 0.0 : good;
}
