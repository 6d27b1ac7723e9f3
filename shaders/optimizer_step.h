// The fused update of a whole arena. A workgroup updates one chunk: at most 64 blocks of one segment, rows of items side
// by side. The table of chunks has two vectors a chunk:
//     uvec4(first block in the bound window, blocks, segment, elements), vec4(weight decay, rate multiplier, decay target, 0)
#include "optimizer.h"
#include "params.h"
PARAMS(OptimizerStepParams)
    uint first_chunk; // of this window
    uint chunks;
    uint never; // 0
PARAMS_END
