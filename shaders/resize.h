#include "params.h"
PARAMS(ResizeParams)
    uint images;
    uint channels;
    uint height;     // of the image
    uint width;
    uint out_height; // of the result
    uint out_width;
    uint grid_height; // of the pixels that invocations stand for; see pixel.glsl
    uint grid_width;
    uint column_multiplier;
    uint column_shift;
    uint width_multiplier;
    uint width_shift;
    uint height_multiplier;
    uint height_shift;
    uint unit_y_multiplier; // of positions; see resize.glsl
    uint unit_y_shift;
    uint unit_x_multiplier;
    uint unit_x_shift;
    uint back_y_multiplier; // the same from the result to the image
    uint back_y_shift;
    uint back_x_multiplier;
    uint back_x_shift;
PARAMS_END
