#ifndef LEMNOS_SHADER_REDUCTION_H
#define LEMNOS_SHADER_REDUCTION_H
#include "params.h"
// x lies as [outer][rows][width], its last row may be cut short; see reduction.glsl.
PARAMS(ReductionParams)
    uint x_first, y_first; // where x and y begin in their bindings
    uint outer_first;      // likewise what has one number for each outer index
    uint outer;
    uint row_length; // of one outer index, in elements: at most rows * width
    uint rows;
    uint columns;    // invocations side by side: width, or width / 4
    uint chunks;     // parts of the rows, one an invocation
    uint chunk_rows; // rows of each, the last may have fewer
    float factor;
PARAMS_END
#endif
