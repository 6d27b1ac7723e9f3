#include "params.h"
PARAMS(MultiboxWeightsParams)
    uint images, anchors;
    uint least_negatives;
    float negatives_per_positive; // 0: all
PARAMS_END
