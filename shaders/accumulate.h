#include "params.h"
PARAMS(AccumulateParams)
    uint count; // floats
PARAMS_END
