// Push constants and dispatch of conv2d_filter_gradient.comp (scalar family) and
// conv2d_filter_gradient_tiled.comp (any device). Bindings: 0 x, 1 dy, 2 workspace; then conv2d_sum with
// count = filter_rows · out_channels and copies as below. Workspace: copies · count floats; of the scalar family, where there is
// one copy, the result itself, and 3 keep.
//
// conv2d_filter_gradient. Specialisation: 0 S = subgroup size, 1 COLUMN_LANES,
//   2 WIDE = (columns % 8 == 0 and out_channels % 8 == 0), 3 X_WIDE = (inner % 8 == 0 and in_channels % 8 ==
//   0), 4 POINTWISE = (1×1, no padding), 5 STRIDED = (POINTWISE and a stride), 6 BLOCKS: rows of the filter, in eights: 1 where
//   filter_rows <= 8, else 2, 7 BLOCKED: x and dy lie as Winograd's form leaves them, 8 ADDS, 9 ALWAYS: to the result. COLUMN_LANES (S = 8): not WIDE: 8; WIDE with
//   X_WIDE: as column_lanes() in C++; WIDE without X_WIDE: 4 for columns < 64, else 8. Always S at other subgroup sizes.
// Groups: x = ceil(filter_rows / (8 · BLOCKS)), column_tiles = ceil(columns / ((WIDE ? 8 : 1) ·
//   COLUMN_LANES)), y = column_tiles · groups of channels, z = splits. With L = S / COLUMN_LANES lane groups:
//   want = clamp(max(ceil(32 / (x · y)), parts_near()), 1, rows / 64), where parts_near() in C++ lets a part stay in the caches
//   next to a processor; split_rows = ceil(ceil(rows / want) / (4 L)) · 4 L, splits = ceil(rows / split_rows), copies = splits · L.
//
// conv2d_filter_gradient_tiled. No specialisation. x = ceil(filter_rows / 64),
//   column_tiles = ceil(columns / 64), y and z as above, split_rows a multiple of 16 (enough splits to fill
//   the device), copies = splits. Multipliers and shifts are not used.
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
uint far_x;  // 1: x is not in the caches next to the processor
uint far_dy;
uint never;  // 0
PARAMS_END
#endif
