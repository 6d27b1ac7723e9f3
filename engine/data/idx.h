// IDX, the format of MNIST, Fashion-MNIST, KMNIST and EMNIST (http://yann.lecun.com/exdb/mnist, "File
// formats"): a magic number, big-endian sizes, then bytes. Files may be plain or packed by gzip.
#pragma once

#include "data/dataset.h"

#include <memory>
#include <string>

namespace lemnos {

inline constexpr char idx_folder_files[] =
    "IDX files (train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz], likewise t10k-)";

// The split "train" or "test" of a folder that holds IDX files; null where it holds none. A file classes.txt
// beside them may name the classes, one a line; otherwise they are called by their numbers.
std::unique_ptr<Dataset> open_idx_folder(const std::string& folder, const std::string& split);

// One pair of files.
std::unique_ptr<Dataset> open_idx(const std::string& images, const std::string& labels,
                                  const std::string& split, std::vector<std::string> class_names = {});

} // namespace lemnos
