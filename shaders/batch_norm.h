// Push constants of the batch_norm_*.comp kernels. A tensor is seen as rows of channels; see
// include/channel_rows.glsl.
#include "params.h"
PARAMS(BatchNormParams)
    uint channels;
    uint rows;          // of this slice of the tensor
    uint abreast;       // rows that neighbouring lanes read side by side
    uint depth;         // rows a lane reads, `abreast` apart
    uint first_row;     // of this slice in the tensor
    uint first_partial; // of this slice
    uint slice_rows;    // of every slice but the last, for merging
    uint total_strands; // of all slices, for merging
    uint total_rows;    // of the tensor
    uint example_rows;  // of one example
    uint first_example; // of this tensor in the batch: a ghost is a part of it
    float epsilon;
PARAMS_END
