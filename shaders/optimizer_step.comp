#version 450
#extension GL_GOOGLE_include_directive : require
// One optimizer step over the whole parameter arena: each state is read once and written once, and nothing else moves.
// Formulas: engine/train/optimizer_rules.cpp, which folds bias corrections and RAdam's rectification into the scalars.
// variants: ITEM=4 ITEM=8
#include "items.glsl"
#include "optimizer_step.h"
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint ALGORITHM = 0;
layout(constant_id = 2) const uint FLAGS = 0;
layout(constant_id = 3) const uint PASS = 0;
// What is written anew depends on what the same invocation read there, so that two views of a buffer are safe.
READ_ITEMS(0, old_parameters)
READ_ITEMS(1, gradients)
READ_ITEMS(4, old_first)
READ_ITEMS(5, old_second)
READ_ITEMS(6, old_third)
layout(binding = 0) writeonly buffer Parameters { Bits parameters[]; };
layout(binding = 2) readonly buffer Chunks { uvec4 table[]; };
layout(binding = 3) readonly buffer Scalars { float scalars[]; };
layout(binding = 4) writeonly buffer First { Bits first[]; };
layout(binding = 5) writeonly buffer Second { Bits second[]; };
layout(binding = 6) writeonly buffer Third { Bits third[]; };
// Layerwise optimizers, which have two states at most: each invocation's sums of the first pass, and one ratio a segment.
layout(binding = 6) writeonly buffer Norms { float norms[]; };
layout(binding = 7) readonly buffer Ratios { float ratios[]; };

bool has(uint flag) { return (FLAGS & flag) != 0; }
bool is(uint algorithm, uint pass) { return ALGORITHM == algorithm && PASS == pass; }
// Constants after specialisation; as functions, for glslang 12 and 15 miscompile such constants.
bool centered() { return has(OPTIMIZER_CENTERED); }
bool buffered() { return has(OPTIMIZER_HAS_MOMENTUM); }
bool needs_gradient() { return !is(OPTIMIZER_ADAM, OPTIMIZER_STEP); }
bool writes_states() { return !is(OPTIMIZER_ADAM, OPTIMIZER_STEP); }
bool has_first() { return ALGORITHM == OPTIMIZER_SGD ? buffered() && PASS != OPTIMIZER_NORMS : true; }
bool has_second() {
    return ALGORITHM == OPTIMIZER_ADADELTA || ALGORITHM == OPTIMIZER_ADAM ||
           (ALGORITHM == OPTIMIZER_RMSPROP && (centered() || buffered()));
}
bool has_third() {
    return (ALGORITHM == OPTIMIZER_ADAM && has(OPTIMIZER_LARGEST)) ||
           (ALGORITHM == OPTIMIZER_RMSPROP && centered() && buffered());
}

float rate, decay_rate, decay, decay_target, factor, limit, momentum, gradient_share, look_ahead, mean_part, beta2, square,
    denominator, epsilon, state_epsilon, trust;
float parameter_norm, step_norm; // squared
uint first_element, elements;    // of the chunk: the first of this vector, and all; what follows is padding

// Of the squares' mean v, in the forms that RMSprop has.
vec4 root(vec4 v) { return has(OPTIMIZER_TENSORFLOW) ? sqrt(v + epsilon) : sqrt(v) + epsilon; }

void update(inout vec4 p, vec4 g, inout vec4 a, inout vec4 b, inout vec4 c) {
    g *= factor;
    if (has(OPTIMIZER_LIMITED)) g = clamp(g, -limit, limit);
    if (ALGORITHM == OPTIMIZER_SGD && PASS == OPTIMIZER_NORMS) {
        parameter_norm += dot(p, p);
        step_norm += dot(g, g);
        return;
    }
    vec4 pull = vec4(0); // of the decay
    if (has(OPTIMIZER_DECAYS)) {
        pull = p;
        if (has(OPTIMIZER_TARGETS)) // padding stays 0
            pull -= mix(vec4(0), vec4(decay_target), lessThan(first_element + uvec4(0, 1, 2, 3), uvec4(elements)));
        pull *= has(OPTIMIZER_DECOUPLED) ? decay_rate : decay;
        if (has(OPTIMIZER_DECOUPLED)) p -= pull;
        else if (!(ALGORITHM == OPTIMIZER_ADAM && has(OPTIMIZER_LAYERWISE))) g += pull;
    }

    if (ALGORITHM == OPTIMIZER_SGD) {
        if (has(OPTIMIZER_LAYERWISE)) g *= trust;
        vec4 direction = g;
        if (buffered()) {
            a = momentum * a + gradient_share * g;
            direction = has(OPTIMIZER_NESTEROV) ? g + look_ahead * a : a;
        }
        p -= rate * direction;
    } else if (ALGORITHM == OPTIMIZER_ADAGRAD) {
        a += g * g;
        p -= rate * (g / (sqrt(a) + epsilon));
    } else if (ALGORITHM == OPTIMIZER_ADADELTA) {
        a = beta2 * a + square * g * g;
        const vec4 step = sqrt(b + epsilon) / sqrt(a + epsilon) * g;
        b = beta2 * b + square * step * step;
        p -= rate * step;
    } else if (ALGORITHM == OPTIMIZER_RMSPROP) {
        a = beta2 * a + square * g * g;
        vec4 v = a;
        if (centered()) {
            b += gradient_share * (g - b);
            v = max(a - b * b, vec4(0)); // no variance is negative, whatever rounding says
        }
        const vec4 step = g / root(v);
        if (!buffered()) {
            p -= rate * step;
        } else {
            const bool rate_inside = has(OPTIMIZER_TENSORFLOW);
            const vec4 next = momentum * (centered() ? c : b) + (rate_inside ? rate * step : step);
            if (centered()) c = next;
            else b = next;
            p -= rate_inside ? next : rate * next;
        }
    } else if (ALGORITHM == OPTIMIZER_LION) {
        p -= rate * sign(momentum * a + gradient_share * g);
        a += square * (g - a);
    } else { // Adam and its relatives
        if (PASS != OPTIMIZER_STEP) {
            a = momentum * a + gradient_share * g;
            const vec4 deviation = has(OPTIMIZER_BELIEF) ? g - a : g;
            b = beta2 * b + square * deviation * deviation;
            if (has(OPTIMIZER_BELIEF)) b += state_epsilon;
            if (has(OPTIMIZER_LARGEST)) c = max(c, b);
        }
        const vec4 divisor = denominator * sqrt(has(OPTIMIZER_LARGEST) ? c : b) + epsilon;
        vec4 direction = a;
        if (has(OPTIMIZER_NESTEROV)) direction = mean_part * a + look_ahead * g;
        if (has(OPTIMIZER_LAYERWISE)) {
            direction = mean_part * a / divisor + pull;
            if (PASS == OPTIMIZER_NORMS) {
                parameter_norm += dot(p, p);
                step_norm += dot(direction, direction);
            } else {
                p -= rate * trust * direction;
            }
        } else {
            p -= rate * (direction / divisor);
        }
    }
}

void main() {
    const uint index = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    if (index >= chunks || scalars[OPTIMIZER_SKIP] != 0.0) return;
    const uvec4 chunk = table[2 * (first_chunk + index)];
    const vec4 policy = uintBitsToFloat(table[2 * (first_chunk + index) + 1]);
    decay = policy.x;
    decay_target = policy.z;
    rate = scalars[OPTIMIZER_RATE] * policy.y;
    decay_rate = scalars[OPTIMIZER_DECAY_RATE] * policy.y * decay;
    factor = scalars[OPTIMIZER_FACTOR];
    limit = scalars[OPTIMIZER_LIMIT];
    momentum = scalars[OPTIMIZER_MOMENTUM];
    gradient_share = scalars[OPTIMIZER_GRADIENT];
    look_ahead = scalars[OPTIMIZER_LOOK_AHEAD];
    mean_part = scalars[OPTIMIZER_MEAN];
    beta2 = scalars[OPTIMIZER_BETA2];
    square = scalars[OPTIMIZER_SQUARE];
    denominator = scalars[OPTIMIZER_DENOMINATOR];
    epsilon = scalars[OPTIMIZER_EPSILON];
    state_epsilon = scalars[OPTIMIZER_STATE_EPSILON];
    trust = has(OPTIMIZER_LAYERWISE) && PASS == OPTIMIZER_STEP ? ratios[chunk.z] : 1.0;
    parameter_norm = step_norm = 0;
    elements = chunk.w;

    const uint end = (chunk.x + chunk.y) * (64 / ITEM);
    for (uint i = chunk.x * (64 / ITEM) + gl_LocalInvocationID.x; i < end + (asked & never); i += gl_WorkGroupSize.x) {
        first_element = (i - chunk.x * (64 / ITEM)) * ITEM;
        Item p = load_old_parameters(i), g = filled(0), a = filled(0), b = filled(0), c = filled(0);
        if (needs_gradient()) g = load_gradients(i);
        if (has_first()) a = load_old_first(i);
        if (has_second()) b = load_old_second(i);
        if (has_third()) c = load_old_third(i);
#if ITEM == 8
        update(p.lo, g.lo, a.lo, b.lo, c.lo);
        first_element += 4;
        update(p.hi, g.hi, a.hi, b.hi, c.hi);
#else
        update(p, g, a, b, c);
#endif
        if (PASS != OPTIMIZER_NORMS) parameters[i] = pack(p);
        if (has_first() && writes_states()) first[i] = pack(a);
        if (has_second() && writes_states()) second[i] = pack(b);
        if (has_third() && writes_states()) third[i] = pack(c);
    }
    if (PASS == OPTIMIZER_NORMS) {
        const uint at = (first_chunk + index) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
        norms[2 * at] = parameter_norm;
        norms[2 * at + 1] = step_norm;
    }
}
