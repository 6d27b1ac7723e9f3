// Push constants and dispatch of conv2d_transpose_filter.comp: workgroup size 64, folded_groups(ceil(count / WIDTH² /
// workgroup size)). Bindings: 0 w, 1 the transposed filter.
#ifndef LEMNOS_SHADER_CONV2D_TRANSPOSE_FILTER_H
#define LEMNOS_SHADER_CONV2D_TRANSPOSE_FILTER_H
#include "params.h"
PARAMS(Conv2dTransposeFilterParams)
uint count;         // taps · (out_channels / groups) · in_channels: elements of the filter
uint in_channels;   // of all groups
uint out_channels;  // of all groups
uint groups;
PARAMS_END
#endif
