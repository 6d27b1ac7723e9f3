#include "params.h"
PARAMS(AccumulateParams)
    uint count; // items: four floats, or eight
PARAMS_END
