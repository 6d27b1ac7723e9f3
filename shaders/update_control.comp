#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
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
    const float scale = state[CONTROL_SCALE], skipped = state[CONTROL_SKIPPED], good = state[CONTROL_GOOD_STEPS] + 1;
    float sum = 0;
    uint bad = none;
    for (uint i = lane; i < partials; i += gl_WorkGroupSize.x) {
        const uint bits = partial[i];
        if ((bits & 0x7fffffffu) > 0x7f800000u) bad = min(bad, i); // NaN
        else sum += uintBitsToFloat(bits);
    }
    sums[lane] = sum;
    first_bad[lane] = bad;
    barrier(); // the state was read, too, before it is written below
    // All lanes decide alike, and each writes one number of everything: a loop over them would take long to compile.
    sum = 0;
    bad = none;
    [[dont_unroll]] for (uint i = 0; i < gl_WorkGroupSize.x; ++i) {
        sum += sums[i];
        bad = min(bad, first_bad[i]);
    }
    const bool skip = bad != none;
    const float norm = sqrt(sum) / scale, all_skipped = skipped + (skip ? 1.0 : 0.0);
    const uint row = min(uint(max(skipped - settings[CONTROL_KNOWN_SKIPS], 0.0)), rows - 1);
    float factor = 1.0 / scale;
    if (settings[CONTROL_LARGEST_NORM] > 0)
        factor *= min(1.0, settings[CONTROL_LARGEST_NORM] / (norm + settings[CONTROL_NORM_EPSILON]));
    if (lane < OPTIMIZER_SCALARS) {
        const float scalar = row_scalars[row * OPTIMIZER_SCALARS + lane];
        scalars[lane] = lane == OPTIMIZER_FACTOR ? scalar * factor : lane == OPTIMIZER_SKIP ? (skip ? 1.0 : 0.0) : scalar;
    }
    if (lane == 0) share[0] = skip ? 0.0 : settings[CONTROL_SHARE];
    float reports[CONTROL_REPORT] = float[](0, 0, 0, 0, 0, 0, 0, 0);
    reports[REPORT_NORM] = norm;
    reports[REPORT_SKIPPED] = skip ? 1.0 : 0.0;
    reports[REPORT_PARTIAL] = skip ? float(bad) : -1.0;
    reports[REPORT_SCALE] = scale;
    reports[REPORT_ALL_SKIPPED] = all_skipped;
    if (lane < CONTROL_REPORT) report[lane] = reports[lane];

    const bool counts = settings[CONTROL_INTERVAL] != 0, grows = !skip && good >= settings[CONTROL_INTERVAL];
    const float next_scale = skip ? scale * 0.5 : grows ? min(scale * 2.0, 1e30) : scale;
    if (lane == CONTROL_SKIPPED) state[lane] = all_skipped;
    else if (lane == CONTROL_SCALE && counts) state[lane] = next_scale;
    else if (lane == CONTROL_GOOD_STEPS && counts) state[lane] = skip || grows ? 0.0 : good;
}
