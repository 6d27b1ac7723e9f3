#ifndef LEMNOS_SHADER_NON_MAXIMUM_SUPPRESSION_H
#define LEMNOS_SHADER_NON_MAXIMUM_SUPPRESSION_H
#include "params.h"
#define SUPPRESSION_BLOCK 64 // anchors that one invocation looks through for candidates
// Groups are what suppresses each other: the candidates of a class, or all of an image.
PARAMS(SuppressionParams)
    uint first_image, images; // of this dispatch; what is kept between dispatches begins at the first
    uint anchors, classes;
    uint blocks; // of anchors
    uint groups; // of an image
    uint most;   // kept of a group
    uint limit;  // rows of the result
    float score_threshold, overlap_threshold;
PARAMS_END
#endif
