#include "params.h"
PARAMS(MergeMomentsParams)
    uint count; // items of four floats
PARAMS_END
