#ifndef LEMNOS_SHADER_MATCH_ANCHORS_H
#define LEMNOS_SHADER_MATCH_ANCHORS_H
#include "params.h"
// Anchors against the true boxes of each image; see match_anchors.comp.
PARAMS(MatchAnchorsParams)
    uint images, anchors;
    uint truths;      // rows of an image, padding among them
    uint list_stride; // words of an image in the list that valid_truths.comp makes
    float threshold;
PARAMS_END
#endif
