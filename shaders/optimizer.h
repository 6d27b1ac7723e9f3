// What the optimizer's shaders and its rules (engine/train/optimizer_rules.cpp) agree on.
#ifndef LEMNOS_SHADER_OPTIMIZER_H
#define LEMNOS_SHADER_OPTIMIZER_H

// The step's scalars, computed in double on the host; indices into the buffer of scalars.
#define OPTIMIZER_RATE 0            // the step size, with bias corrections where they are common to all parameters
#define OPTIMIZER_DECAY_RATE 1      // decoupled decay: the parameter shrinks by this times the segment's decay
#define OPTIMIZER_MOMENTUM 2        // of the buffer in this step; adam and its relatives, lion: beta1
#define OPTIMIZER_GRADIENT 3        // the gradient's share in the buffer or the mean
#define OPTIMIZER_LOOK_AHEAD 4      // sgd: Nesterov's factor of the buffer; nadam: the gradient's part of the step
#define OPTIMIZER_MEAN 5            // nadam and lamb: the mean's part of the step
#define OPTIMIZER_BETA2 6
#define OPTIMIZER_SQUARE 7          // 1 - beta2
#define OPTIMIZER_DENOMINATOR 8     // the factor of sqrt(v)
#define OPTIMIZER_EPSILON 9
#define OPTIMIZER_STATE_EPSILON 10  // adabelief: added to the state
#define OPTIMIZER_LIMIT 11          // of each gradient's magnitude
#define OPTIMIZER_TRUST 12          // lars: the trust coefficient
#define OPTIMIZER_TRUST_EPSILON 13
#define OPTIMIZER_BASE_RATE 14      // the learning rate itself
#define OPTIMIZER_LOOKAHEAD 15      // the share of the fast weights in this step's synchronisation; 0: none
#define OPTIMIZER_AVERAGE 16        // the share of the weights in their moving average
#define OPTIMIZER_FACTOR 17         // of the gradients: -1 to maximise, clipping, the inverse of the loss scale
#define OPTIMIZER_SKIP 18           // 1: the step changes nothing
#define OPTIMIZER_SCALARS 24

// Specialisation constant 1.
#define OPTIMIZER_SGD 0
#define OPTIMIZER_ADAGRAD 1
#define OPTIMIZER_ADADELTA 2
#define OPTIMIZER_RMSPROP 3
#define OPTIMIZER_ADAM 4
#define OPTIMIZER_LION 5
#define OPTIMIZER_ALGORITHMS 6
// Bits of specialisation constant 2.
#define OPTIMIZER_HAS_MOMENTUM 1
#define OPTIMIZER_NESTEROV 2       // sgd: Nesterov's form; adam: nadam
#define OPTIMIZER_DECOUPLED 4      // decay shrinks the parameter instead of entering the gradient
#define OPTIMIZER_CENTERED 8
#define OPTIMIZER_TENSORFLOW 16    // rmsprop: epsilon inside the root, the rate inside the buffer
#define OPTIMIZER_LARGEST 32       // amsgrad
#define OPTIMIZER_BELIEF 64        // adabelief
#define OPTIMIZER_LIMITED 128      // gradients are clipped by value
#define OPTIMIZER_LAYERWISE 256    // lars, lamb: the step is scaled by a ratio of norms of the tensor
#define OPTIMIZER_ALWAYS_ADAPT 512 // also tensors that do not decay
#define OPTIMIZER_TRUST_CLIP 1024  // the ratio is at most 1 (lars: at most the rate)
#define OPTIMIZER_TARGETS 2048     // a decay pulls towards another value than 0
#define OPTIMIZER_DECAYS 4096      // some segment decays
#define OPTIMIZER_FLAGS 8191
// Specialisation constant 3: layerwise optimizers pass over the arena twice.
#define OPTIMIZER_WHOLE_STEP 0
#define OPTIMIZER_NORMS 1 // the norms of each tensor, and lamb's states
#define OPTIMIZER_STEP 2  // the parameters, and lars' state

#endif
