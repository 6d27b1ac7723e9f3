// Push constants and dispatch of winograd_input.comp: workgroup size 64, folded_groups(ceil(tiles · parts / workgroup size)).
// Bindings: 0 x[N][height][width][channels] whole, 1 the result for `tiles` tiles from first_tile on.
// Forward, and x of the filter's gradient: origin = −padding. Data gradient: x is dy, origin = padding − 2. dy of the filter's
// gradient (the variants "dy"): x is dy, origin = 0.
#ifndef LEMNOS_SHADER_WINOGRAD_INPUT_H
#define LEMNOS_SHADER_WINOGRAD_INPUT_H
#include "params.h"
PARAMS(WinogradInputParams)
uint tiles;       // of this dispatch
uint first_tile;  // of the batch
uint tiles_y;     // of an image
uint tiles_x;
uint parts;  // channels / PART
uint height;
uint width;
int origin_y;  // where the first tile begins to look
int origin_x;
PARAMS_END
#endif
