#include "params.h"
PARAMS(StridedCopyParams)
    uint count;            // of items: words, or groups of ITEM words
    uint x_first, y_first; // all offsets and strides of a side are in the items of that side
    uint x_step;           // between the words of x that form a group of y
    uint extent[8];
    uint x_stride[8];
    uint y_stride[8];
PARAMS_END
