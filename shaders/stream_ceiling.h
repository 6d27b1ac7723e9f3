#include "params.h"
PARAMS(StreamCeilingParams)
    uint count; // items
PARAMS_END
