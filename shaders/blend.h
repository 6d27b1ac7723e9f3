#include "params.h"
PARAMS(BlendParams)
    uint count;        // items
    uint scalar;       // index of the share in the step's scalars
PARAMS_END
