#ifndef LEMNOS_SHADER_ENCODE_BOXES_H
#define LEMNOS_SHADER_ENCODE_BOXES_H
#include "params.h"
// Boxes against anchors, one invocation each: encode_boxes.comp and decode_boxes.comp.
PARAMS(EncodeBoxesParams)
    uint count, anchors;
    uint truths;                                    // rows of an image
    float scale_y, scale_x, scale_height, scale_width;
    float rows, columns;                            // of YOLO's cells
PARAMS_END
#endif
