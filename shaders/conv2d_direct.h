// Push constants and dispatch of conv2d_direct.comp.
#ifndef LEMNOS_SHADER_CONV2D_DIRECT_H
#define LEMNOS_SHADER_CONV2D_DIRECT_H
#include "params.h"
PARAMS(Conv2dDirectParams)
uint rows;         // M: batch · grid height · grid width
uint grid_height;  // the output pixels that this dispatch computes
uint grid_width;
uint height_multiplier;  // division.glsl: by grid_height
uint height_shift;
uint width_multiplier;  // and by grid_width
uint width_shift;
uint in_height;
uint in_width;
uint in_channels;   // of all groups: the stride of a pixel
uint inner;         // channels in, of one group
uint columns;       // channels out, of one group
uint out_channels;  // of all groups
uint column_tiles;  // workgroups over the columns of one group
uint taps_y;        // filter rows and columns that take part
uint taps_x;
int stride_y;  // input y = grid y · stride_y + origin_y + tap y · step_y
int stride_x;
int origin_y;
int origin_x;
int step_y;
int step_x;
uint filter_first;   // filter tap of tap (0, 0), ky · kernel width + kx
uint filter_step_y;  // filter taps between neighbouring taps
uint filter_step_x;
uint out_height;  // output y = grid y · out_step_y + out_first_y (SCATTER only)
uint out_width;
uint out_step_y;
uint out_step_x;
uint out_first_y;
uint out_first_x;
float slope;  // of the leaky relu
PARAMS_END
#endif
