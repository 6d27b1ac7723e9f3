// Push constants and dispatch of winograd_product.comp (scalar family; inner % 8 == 0, columns % 8 == 0).
//
// Bindings: 0 v, 1 u, 2 m. Specialisation: 0 S = subgroup size, 1 COLUMN_LANES, 2 ROWS, 3 true.
// Groups: x = ceil(tiles / (ROWS · S / COLUMN_LANES)), y = ceil(columns / (8 · COLUMN_LANES)), z = positions.
#ifndef LEMNOS_SHADER_WINOGRAD_PRODUCT_H
#define LEMNOS_SHADER_WINOGRAD_PRODUCT_H
#include "params.h"
PARAMS(WinogradProductParams)
uint tiles;
uint inner;    // channels summed over
uint columns;  // channels of the result
PARAMS_END
#endif
