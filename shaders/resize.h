#include "params.h"
PARAMS(ResizeParams)
    uint images;
    uint channels;
    uint height;     // of the image
    uint width;
    uint out_height; // of the result
    uint out_width;
PARAMS_END
