// What the readers of pictures with boxes (boxes_csv.h) have in common: a reader lists what its files say,
// and here it is checked and becomes a data set.
#pragma once

#include "data/dataset.h"
#include "support/error.h"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lemnos {

// How a format writes a box down, in pixels.
struct BoxForm {
    enum Meaning {
        edges,     // left, top, right, bottom, of which the first pixel's left edge is 0
        inclusive, // the first and the last column and row, counted from 1
        extent     // left, top, width, height
    };
    const char* before; // a box's place in its file: "line ", number, ""
    const char* after;
    std::array<const char*, 4> names;
    Meaning meaning;
    bool empty_pictures; // whether the format can say that there is nothing in a picture
};

struct ListedBox {
    int64_t number = 0; // of its line, object or annotation
    std::string class_name;
    std::array<double, 4> given{};
    bool difficult = false;
    bool crowd = false;
    std::string wrong = {}; // a sentence: the box cannot be used
};

struct ListedPicture {
    std::string name;                    // as the file has it
    std::vector<std::string> candidates; // where it may lie; the first that exists is taken
    std::string place;                   // what names it: "line 2 of \"boxes.csv\""
    std::string boxes_source;            // the file that its boxes are from
    PictureSize size;                    // 0 x 0: the file does not say
    std::vector<ListedBox> boxes;
    std::string wrong = {}; // a sentence: the picture cannot be used
};

// Runs what may find a picture or a box bad, which is an error, or reported where bad ones are skipped.
struct BadOnes {
    bool skip = false;
    SkipReport report = {};

    template <typename Action>
    bool picture(Action&& action) {
        try {
            action();
            return true;
        } catch (const Error& error) {
            if (!skip) throw;
            report.add_picture(error.what());
            return false;
        }
    }
    template <typename Action>
    bool box(Action&& action) {
        try {
            action();
            return true;
        } catch (const Error& error) {
            if (!skip) throw;
            report.add_box(error.what());
            return false;
        }
    }
};

struct BoxListing {
    std::string folder;
    std::string split;
    BoxForm form;
    std::vector<ListedPicture> pictures; // of the split
    std::vector<std::string> class_names;
    BadOnes bad;
};

// "line 2 of \"boxes.csv\"".
std::string box_place(const BoxForm& form, int64_t number, const std::string& source);

// Refuses a name that leads out of the folder.
void require_inside(const std::string& name, const std::string& place);

// Checks pictures and boxes: every picture is there and of the size that is said; every box is of a known
// class, has an area and lies in its picture, but for a pixel, which is cut off; some box is left.
std::unique_ptr<Dataset> open_boxes(BoxListing listing, const DatasetOptions& options);

// Decodes pictures 0 … count - 1 by `decode` on all of the machine's threads, and returns what is wrong with
// each; empty where nothing is.
std::vector<std::string> find_bad_pictures(int64_t count, const std::function<void(int64_t)>& decode);

inline constexpr char box_folder_files[] =
    "boxes (boxes.csv; Annotations/ and JPEGImages/ of Pascal VOC; annotations/instances_<split>*.json or "
    "<split>/_annotations.coco.json of COCO)";

// Null where the folder holds nothing of the format. Classes are those of all splits, sorted by name (COCO:
// by the numbers of its categories), unless the options name them.
std::unique_ptr<Dataset> open_boxes_csv(const std::string& folder, const std::string& split,
                                        const DatasetOptions& options);
std::unique_ptr<Dataset> open_boxes_voc(const std::string& folder, const std::string& split,
                                        const DatasetOptions& options);
std::unique_ptr<Dataset> open_boxes_coco(const std::string& folder, const std::string& split,
                                         const DatasetOptions& options);

} // namespace lemnos
