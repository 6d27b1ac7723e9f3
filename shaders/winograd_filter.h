// Push constants and dispatch of winograd_filter.comp: workgroup size 64, folded_groups(ceil(inner · parts / workgroup size)).
// Specialisation: 1 TURNED. Bindings: 0 the filter, 1 the result.
#ifndef LEMNOS_SHADER_WINOGRAD_FILTER_H
#define LEMNOS_SHADER_WINOGRAD_FILTER_H
#include "params.h"
PARAMS(WinogradFilterParams)
uint inner;  // channels summed over: in, or out with TURNED
uint parts;  // columns / PART; columns: channels out, or in with TURNED
PARAMS_END
#endif
