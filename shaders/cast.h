#include "params.h"
PARAMS(CastParams)
    uint count;
PARAMS_END
