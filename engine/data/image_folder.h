// A folder of images: one folder a class, of PNG or JPEG files, within folders for the splits or without.
#pragma once

#include "data/dataset.h"

#include <memory>
#include <string>

namespace lemnos {

inline constexpr char image_folder_files[] =
    "images (<split>/<class>/*.png, *.jpg or *.jpeg, or <class>/… for train)";

// The images of folder/<split>/<class>; where the folder has none of train, test and val, its own folders are
// the classes of the split "train". Null where there is no image. Classes are sorted by name and are those of
// all splits together, so a label means the same in each. Images are decoded when they are read, and scaled
// to options.height x options.width, which must be given; channels are 3 unless options say 1. Hidden and
// other files are passed over.
std::unique_ptr<Dataset> open_image_folder(const std::string& folder, const std::string& split,
                                           const DatasetOptions& options);

} // namespace lemnos
