// Push constants and dispatch of conv2d_transpose_filter.comp: workgroup size 64, ceil(count / 64) groups folded over
// x (at most 32768) and z.
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
