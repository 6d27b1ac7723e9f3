#include "params.h"
PARAMS(BatchNormPoolParams)
    uint channels;
    uint stride; // of one ghost's moments
    uint ghosts;
    uint ghost;  // examples of each
    uint line;   // of the table of coefficients, in floats, one a ghost
    uint rest_row; // in a line: what rounding took from the means
PARAMS_END
