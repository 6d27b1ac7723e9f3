// Push constants of the normalisation_*.comp kernels. A tensor is seen as rows of channels (include/channel_rows.glsl), its
// examples as sets that are normalised on their own. A dispatch handles a piece: whole sets, or a part of one that is larger
// than a binding.
#include "params.h"
PARAMS(NormalisationParams)
    uint channels;
    uint examples;      // of a set
    uint example_rows;  // of one example
    uint sets;          // of this piece
    uint first_set;     // of this piece in the tensor
    uint rows;          // of each set in this piece
    uint first_row;     // of this piece in its set
    uint skip;          // elements of the binding before this piece
    uint abreast;       // rows that neighbouring lanes read side by side
    uint depth;         // rows a lane reads, `abreast` apart
    uint slice_rows;    // of every piece but the last of a set that is cut, else the set's rows
    uint set_strands;   // partial sums of a set
    uint first_strand;  // of this piece in its set
    uint vector_stride; // floats from one set's vector of channels to the next one's
    float epsilon;
    float lower, upper; // limits of y, infinite where it has none
    uint never;         // 0
PARAMS_END
