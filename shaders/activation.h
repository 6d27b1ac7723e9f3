#include "params.h"
PARAMS(ActivationParams)
    uint count;
    float slope; // of leaky relu
PARAMS_END
