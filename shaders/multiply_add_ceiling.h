#include "params.h"
PARAMS(MultiplyAddCeilingParams)
    uint rounds;
    float factor;
    float addend;
PARAMS_END
