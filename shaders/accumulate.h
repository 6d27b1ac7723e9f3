#include "params.h"
PARAMS(AccumulateParams)
    uint count; // vec4s
PARAMS_END
