// Push constants and dispatch of conv2d_pointwise.comp (scalar family; inner % 4 == 0, columns % 8 == 0;
// other shapes go to conv2d_direct.comp).
//
// Bindings: 0 x[M][K], 1 w[K][N] or w[N][K], 2 bias[N] (dummy without BIAS), 3 residual[M][N] (dummy without RESIDUAL),
//   4 y[M][N].
// Specialisation: 0 S = subgroup size, 1 COLUMN_LANES, 2 ROWS, 3 true, 4 BIAS, 5 RESIDUAL, 6 ACTIVATION,
//   7 FILTER, one of those below, 8 STRIDED: a row stands for every stride-th pixel of x, or of the data gradient.
//   COLUMN_LANES (S at sizes other than 8) and ROWS (any from 1 is right): register_tile() in C++.
// Groups: tiles = ceil(M / (ROWS · S / COLUMN_LANES)); x = min(tiles, 32768), z = ceil(tiles / x),
//   y = ceil(N / (8 · COLUMN_LANES)); where the filter is small x and y change places, so that x is read from afar but once.
//
// Data gradient: x is dy[M][N] and w the filter, which lies transposed for it; inner = N, columns = K. The residual is the
// gradient that other users of x gave.
#ifndef LEMNOS_SHADER_CONV2D_POINTWISE_H
#define LEMNOS_SHADER_CONV2D_POINTWISE_H
#include "params.h"
PARAMS(Conv2dPointwiseParams)
uint rows;           // M: batch · height · width
uint inner;          // K: channels in
uint columns;        // N: channels out
float slope;         // of the leaky relu
uint columns_first;  // 1: the groups' x counts tiles of columns, y and z those of rows
uint far;            // 1: x is not in the caches next to the processor
uint far_residual;   // 1: nor is the residual
uint never;          // 0
uint out_height;     // STRIDED alone: M is batch · out_height · out_width, of an image of in_height · in_width
uint out_width;
uint height_multiplier;  // division.glsl: by out_height
uint height_shift;
uint width_multiplier;   // and by out_width
uint width_shift;
uint in_height;
uint in_width;
uint stride_y;
uint stride_x;
PARAMS_END
#define FILTER_BY_ADDRESS 0
// Where M <= 64, w is read few times: by 32-bit words and through its binding, since a CPU fetches ahead of such reads
// (include/addressed.glsl) and not ahead of gathers, which took up to four times as long. Else reading less often counts.
#define FILTER_THROUGH_BINDING 1
#define FILTER_TRANSPOSED 2  // w[N][K], by address
#endif
