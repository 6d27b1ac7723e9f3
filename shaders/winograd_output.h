// Push constants and dispatch of winograd_output.comp: workgroup size 64, folded_groups(ceil(tiles · parts / workgroup size)).
// Specialisation: 1 BIAS, 2 RESIDUAL, 3 ACTIVATION. Bindings: 0 the products of `tiles` tiles from first_tile on,
// 1 bias[channels] (dummy without BIAS), 2 residual (dummy without RESIDUAL), 3 y[N][height][width][channels] whole.
#ifndef LEMNOS_SHADER_WINOGRAD_OUTPUT_H
#define LEMNOS_SHADER_WINOGRAD_OUTPUT_H
#include "params.h"
PARAMS(WinogradOutputParams)
uint tiles;       // of this dispatch
uint first_tile;  // of the batch
uint tiles_y;     // of an image
uint tiles_x;
uint parts;  // channels / PART
uint height;
uint width;
float slope;  // of the leaky relu
uint never;   // 0
PARAMS_END
#endif
