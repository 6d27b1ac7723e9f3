#include "params.h"
PARAMS(SquaredErrorGradientParams)
    uint count;
    uint length;       // elements of one example
    uint phase;        // the first element's place in its example
    uint weight_first; // where that example's weight lies
    float factor;
PARAMS_END
