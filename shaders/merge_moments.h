#include "params.h"
PARAMS(MergeMomentsParams)
    uint count;   // items of four floats
    uint selects; // 1: only blocks that have cells
    uint counts;  // 1: the cells of all examples are counted
PARAMS_END
