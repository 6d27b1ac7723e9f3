// The fused update of a whole arena. One invocation updates four parameters.
#include "params.h"
PARAMS(OptimizerStepParams)
    uint count; // vec4s
PARAMS_END

// The step's scalars, computed in double on the host; indices into the buffer of scalars.
#define OPTIMIZER_RATE 0            // the step size, bias corrections included
#define OPTIMIZER_DECAY_RATE 1      // decoupled decay: the parameter shrinks by this times the segment's decay
#define OPTIMIZER_MOMENTUM 2        // sgd: of the buffer in this step; adam: beta1
#define OPTIMIZER_GRADIENT 3        // sgd: the gradient's factor in the buffer; adam: 1 - beta1
#define OPTIMIZER_LOOK_AHEAD 4      // sgd: Nesterov's factor of the buffer
#define OPTIMIZER_BETA2 5
#define OPTIMIZER_SQUARE 6          // 1 - beta2
#define OPTIMIZER_DENOMINATOR 7     // the factor of sqrt(v)
#define OPTIMIZER_EPSILON 8
#define OPTIMIZER_SIGN 9            // -1 to maximise
#define OPTIMIZER_SCALARS 16

// Specialisation constant 1.
#define OPTIMIZER_SGD 0
#define OPTIMIZER_ADAM 1
// Bits of specialisation constant 2.
#define OPTIMIZER_HAS_MOMENTUM 1
#define OPTIMIZER_NESTEROV 2
#define OPTIMIZER_DECOUPLED 4
