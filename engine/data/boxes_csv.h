// Pictures with boxes listed in a file boxes.csv (RFC 4180), one box a line. The names in its first line say
// which column is which:
//     file (or filename)        the picture, beneath the folder's folder images/ or the folder itself
//     width, height             its size in pixels; both or neither
//     class                     a name
//     xmin, ymin, xmax, ymax    the box's edges in pixels, where 0 is the left edge of the first pixel
//     split                     train, test or val; where there is no such column, all is train
#pragma once

#include "data/dataset.h"

#include <memory>
#include <string>

namespace lemnos {

inline constexpr char boxes_csv_files[] = "boxes (boxes.csv with images/)";

// Null where there is no boxes.csv. Classes are sorted by name, unless the options name them.
std::unique_ptr<Dataset> open_boxes_csv(const std::string& folder, const std::string& split,
                                        const DatasetOptions& options);

} // namespace lemnos
