// CIFAR-10 and CIFAR-100 in their binary version (https://www.cs.toronto.edu/~kriz/cifar.html): records of
// one label byte (CIFAR-100: the coarse, then the fine one) and 32x32 pixels as a red, a green and a blue
// plane.
#pragma once

#include "data/dataset.h"

#include <memory>
#include <string>

namespace lemnos {

inline constexpr char cifar_folder_files[] =
    "CIFAR-10 (data_batch_*.bin and test_batch.bin, or cifar10_train_*.bin and cifar10_test_*.bin), "
    "nor CIFAR-100 (train.bin and test.bin)";

// The split "train" or "test" of a folder that holds CIFAR files; null where it holds none. Labels of
// CIFAR-100 are the fine ones. Class names come from batches.meta.txt or fine_label_names.txt, where they
// exist.
std::unique_ptr<Dataset> open_cifar_folder(const std::string& folder, const std::string& split);

} // namespace lemnos
