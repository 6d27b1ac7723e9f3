#include "params.h"
PARAMS(StreamCeilingParams)
    uint count; // items
    uint never; // 0
PARAMS_END
