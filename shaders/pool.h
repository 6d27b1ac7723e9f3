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
    uint grid_height; // of the pixels that invocations stand for; see pixel.glsl
    uint grid_width;
    uint column_multiplier;
    uint column_shift;
    uint width_multiplier;
    uint width_shift;
    uint height_multiplier;
    uint height_shift;
    uint stride_y_multiplier;
    uint stride_y_shift;
    uint stride_x_multiplier;
    uint stride_x_shift;
PARAMS_END
