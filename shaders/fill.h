#include "params.h"
PARAMS(FillParams)
    uint count;
    float value;
PARAMS_END
