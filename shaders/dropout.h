#include "params.h"
PARAMS(DropoutParams)
    uint examples;
    uint elements;  // of one example
    uint quads;     // of one example: elements / 4, rounded up
    uint quads_multiplier; // quotient.glsl: by quads
    uint quads_shift;
    uint threshold; // an element is dropped whose random word is below
    uint purpose;   // third word of the counter
    float scale;    // of what is kept
PARAMS_END
