#include "params.h"
PARAMS(PadParams)
    uint count; // of items of y: words, or groups of four (then the last axis counts in them)
    uint x_first, y_first;
    uint value; // as bits; of f16 those of f32
    uint y_extent[8];
    uint x_extent[8];
    uint before[8];
PARAMS_END
