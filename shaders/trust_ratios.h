// One workgroup a segment. The table of segments has two vectors each:
//     uvec4(first partial, partials, 0, 0), vec4(weight decay, rate multiplier, 0, 0)
#include "params.h"
PARAMS(TrustRatiosParams)
    uint segments;
PARAMS_END
