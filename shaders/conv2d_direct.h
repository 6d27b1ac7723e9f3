// Push constants and dispatch of conv2d_direct.comp (scalar family) and conv2d_tiled.comp (any device).
//
// Bindings: 0 x, 1 w, 2 bias (dummy without BIAS), 3 residual (dummy without RESIDUAL), 4 y.
//
// conv2d_direct. Specialisation: 0 S = subgroup size, 1 COLUMN_LANES, 2 ROWS,
//   3 WIDE = (columns % 8 == 0 and out_channels % 8 == 0), 4 BIAS, 5 RESIDUAL, 6 ACTIVATION,
//   7 X_WIDE = (inner % 4 == 0 and in_channels % 4 == 0), 8 SCATTER.
//   COLUMN_LANES (S = 8): not WIDE: 2 for columns <= 2, 4 for <= 4, else 8; WIDE: 1 for columns <= 8 (2 without X_WIDE), 2 for <= 16, 4 for < 64,
//   else 8. Always S at other subgroup sizes.
//   ROWS: 16; 8 where rows <= 8.
// Groups: column_tiles = ceil(columns / ((WIDE ? 8 : 1) · COLUMN_LANES));
//   tiles = ceil(rows / (ROWS · S / COLUMN_LANES)); x = min(tiles, 32768), z = ceil(tiles / x),
//   y = column_tiles · groups of channels.
//
// conv2d_tiled. Specialisation: 1 BIAS, 2 RESIDUAL, 3 ACTIVATION, 4 SCATTER (the workgroup size is 128).
//   column_tiles = ceil(columns / 64), tiles = ceil(rows / 64), x, y, z as above. Multipliers and shifts are
//   not used.
//
// Forward: grid = output; stride = stride, origin = −pad, step = dilation, taps = kernel; filter_first = 0,
//   filter_step_y = kernel width, filter_step_x = 1; SCATTER false.
//
// Data gradient: x is dy, in_* describe dy, w is the transposed filter, inner = Cout / groups,
//   columns = Cin / groups, out_channels = Cin. One dispatch for each residue (a, b), a < min(stride_y, H),
//   b < min(stride_x, W). In y, and likewise in x with b:
//   grid_height = ceil((H − a) / s), stride = 1, out_step = s, out_first = a, out_height = H.
//   The taps that meet it are ky = f, f + t, f + 2t, … < kernel, where t = s / gcd(s, dilation) and f is the
//   least ky with (a + pad − ky · dilation) % s = 0; taps = their number. If there is none, taps_y = 0: the
//   dispatch still writes the zeros.
//   origin = (a + pad − f · dilation) / s (exact, may be negative), step = −dilation · t / s.
//   filter_first = f_y · kernel width + f_x, filter_step_y = t_y · kernel width, filter_step_x = t_x.
//   SCATTER when s > 1.
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
