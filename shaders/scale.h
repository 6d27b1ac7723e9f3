#include "params.h"
PARAMS(ScaleParams)
    uint count;
    float factor;
PARAMS_END
