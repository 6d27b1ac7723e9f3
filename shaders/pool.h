#include "params.h"
PARAMS(PoolParams)
    uint images;
    uint channels;
    uint height;     // of the image
    uint width;
    uint out_height; // of the result
    uint out_width;
    uint top;        // padding
    uint bottom;
    uint left;
    uint right;
    uint kernel_y;
    uint kernel_x;
    uint stride_y;
    uint stride_x;
    uint count_padding; // 1: a mean divides by the window's cells in the padded image
PARAMS_END
