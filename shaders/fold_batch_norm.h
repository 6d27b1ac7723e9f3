#include "params.h"
PARAMS(FoldBatchNormParams)
    uint channels;
    uint rows;        // of the filter, all its axes but the last
    uint rows_a_lane;
    float epsilon;
PARAMS_END
