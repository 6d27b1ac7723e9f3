// Push constants and dispatch of winograd_filter_gradient.comp: workgroup size 64, folded_groups(ceil(inner · parts /
// workgroup size)). Specialisation: 1 ADDS, 2 ALWAYS. Bindings: 0 m, 1 dw, 2 keep[1] (dummy without ADDS or with
// ALWAYS).
#ifndef LEMNOS_SHADER_WINOGRAD_FILTER_GRADIENT_H
#define LEMNOS_SHADER_WINOGRAD_FILTER_GRADIENT_H
#include "params.h"
PARAMS(WinogradFilterGradientParams)
uint inner;  // channels in
uint parts;  // channels out / PART
PARAMS_END
#endif
