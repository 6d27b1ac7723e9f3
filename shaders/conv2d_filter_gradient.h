// Push constants and dispatch of conv2d_filter_gradient.comp.
#ifndef LEMNOS_SHADER_CONV2D_FILTER_GRADIENT_H
#define LEMNOS_SHADER_CONV2D_FILTER_GRADIENT_H
#include "params.h"
PARAMS(Conv2dFilterGradientParams)
uint rows;       // M: batch · out_height · out_width
uint split_rows; // rows of M a split, a multiple of 4 · lane groups
uint splits;
uint out_height;
uint out_width;
uint height_multiplier;  // division.glsl: by out_height
uint height_shift;
uint width_multiplier;  // and by out_width
uint width_shift;
uint in_height;
uint in_width;
uint in_channels;   // of all groups: the stride of a pixel
uint inner;         // channels in, of one group
uint columns;       // channels out, of one group
uint out_channels;  // of all groups
uint column_tiles;  // workgroups over the columns of one group
uint filter_rows;   // K: kernel height · kernel width · inner
uint kernel_width;
int stride_y;
int stride_x;
int dilation_y;
int dilation_x;
int pad_top;
int pad_left;
PARAMS_END
#endif
