#include "params.h"
PARAMS(PrepareImagesParams)
    uint images;
    uint height;
    uint width;
    uint row_lanes; // lanes that share a row of the result
    uint padding;
    float scale[8]; // of each channel: y = byte * scale + offset
    float offset[8];
PARAMS_END
