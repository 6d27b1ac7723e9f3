// Push constants of normalisation_coefficients.comp and normalisation_gradient_group.comp.
#include "params.h"
PARAMS(NormalisationGroupParams)
    uint channels;
    uint span;          // channels that are normalised together
    uint sets;          // that this dispatch handles
    uint first_set;     // of them
    uint examples;      // of a set
    uint example_rows;  // of one example
    uint vector_stride; // floats from one set's vector of channels to the next one's
    float epsilon;
PARAMS_END
