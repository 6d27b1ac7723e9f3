#include "params.h"
PARAMS(FoldBatchNormParams)
    uint channels;       // of the result
    uint rows;           // of the result, all its axes but the last
    uint rows_a_lane;
    uint first_channel;  // of the filter's that the result has
    uint first_row;
    uint filter_channels;
    float epsilon;
PARAMS_END
