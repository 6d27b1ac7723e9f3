// Data sets of pictures with boxes: what readers of the formats list, and what becomes of it.
#pragma once

#include "data/dataset.h"

namespace lemnos {

struct ListedBox {
    std::string class_name;
    double left = 0, top = 0, right = 0, bottom = 0; // pixels of the picture; right and bottom are beyond the last one
    bool difficult = false, crowd = false;
    std::string where; // begins a sentence: "Line 7 of \"boxes.csv\""
};

struct ListedPicture {
    std::string path;
    PictureSize size; // as the list has it; 0: it says nothing
    std::vector<ListedBox> boxes;
    std::string where;
};

// Checks everything: pictures are there and of the size that is said, boxes lie inside (up to a pixel over the edge is
// clipped), have an area and a known class. What is wrong is an error, or with options.skip_bad left out and reported; then
// every picture is decoded once. `classes`: in the order of labels, where options.class_names does not give another;
// `skipped`: what the reader left out already.
std::unique_ptr<Dataset> make_box_dataset(const std::string& folder, const std::string& split, std::vector<ListedPicture> pictures,
                                          std::vector<std::string> classes, const DatasetOptions& options, SkipReport skipped = {});

// The path of a picture that a list names: it stays in the folder.
std::string picture_in(const std::string& folder, const std::string& name, const std::string& where);

// Null where the folder holds no data set of the format.
std::unique_ptr<Dataset> open_boxes_csv(const std::string& folder, const std::string& split, const DatasetOptions& options);
std::unique_ptr<Dataset> open_boxes_voc(const std::string& folder, const std::string& split, const DatasetOptions& options);
std::unique_ptr<Dataset> open_boxes_coco(const std::string& folder, const std::string& split, const DatasetOptions& options);

constexpr const char* box_dataset_files = "boxes.csv, Annotations and JPEGImages (Pascal VOC), annotations/*.json (COCO)";

} // namespace lemnos
