#version 450
#extension GL_GOOGLE_include_directive : require
// One optimizer step over the whole parameter arena: each state is read once and written once, and nothing else moves.
// Formulas: PyTorch's SGD, Adam, AdamW and RAdam; the host folds bias corrections and RAdam's rectification into the
// scalars. A policy (decay, rate multiplier) belongs to each block of 64 parameters.
#include "optimizer_step.h"
#include "linear.glsl"
layout(constant_id = 1) const uint algorithm = 0;
layout(constant_id = 2) const uint flags = 0;
layout(binding = 0) buffer Parameters { vec4 parameters[]; };
layout(binding = 1) readonly buffer Gradients { vec4 gradients[]; };
layout(binding = 2) readonly buffer PolicyOfBlock { uint policy_of_block[]; };
layout(binding = 3) readonly buffer Policies { vec4 policies[]; };
layout(binding = 4) readonly buffer Scalars { float scalars[]; };
layout(binding = 5) buffer First { vec4 first[]; };
layout(binding = 6) buffer Second { vec4 second[]; };

bool has(uint flag) { return (flags & flag) != 0; }

void main() {
    const uint i = linear_index();
    if (i >= count) return;
    const vec4 policy = policies[policy_of_block[i / 16]];
    const float decay = policy.x, rate = scalars[OPTIMIZER_RATE] * policy.y;
    vec4 p = parameters[i];
    vec4 g = scalars[OPTIMIZER_SIGN] * gradients[i];
    if (has(OPTIMIZER_DECOUPLED))
        p -= p * (scalars[OPTIMIZER_DECAY_RATE] * policy.y * decay);
    else
        g += decay * p;
    if (algorithm == OPTIMIZER_SGD) {
        vec4 direction = g;
        if (has(OPTIMIZER_HAS_MOMENTUM)) {
            const vec4 buffered = scalars[OPTIMIZER_MOMENTUM] * first[i] + scalars[OPTIMIZER_GRADIENT] * g;
            first[i] = buffered;
            direction = has(OPTIMIZER_NESTEROV) ? g + scalars[OPTIMIZER_LOOK_AHEAD] * buffered : buffered;
        }
        p -= rate * direction;
    } else {
        const vec4 m = first[i] + scalars[OPTIMIZER_GRADIENT] * (g - first[i]);
        const vec4 v = scalars[OPTIMIZER_BETA2] * second[i] + scalars[OPTIMIZER_SQUARE] * g * g;
        first[i] = m;
        second[i] = v;
        p -= rate * m / (scalars[OPTIMIZER_DENOMINATOR] * sqrt(v) + scalars[OPTIMIZER_EPSILON]);
    }
    parameters[i] = p;
}
