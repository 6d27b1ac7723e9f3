#include "data/boxes.h"

#include "data/augmentation.h"
#include "data/picture_cache.h"
#include "support/file.h"
#include "support/text.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>

namespace lemnos {
namespace {

constexpr double tolerated_pixels = 1; // that a box may reach over the edge of its picture

struct Picture {
    std::string path;
    PictureSize size;
    std::vector<TruthBox> boxes;
    size_t place = 0; // in the cache
};

class BoxDataset final : public Dataset {
  public:
    BoxDataset(std::vector<Picture> pictures, RecordShape shape, std::vector<std::string> class_names,
               SkipReport skipped)
        : pictures_(std::move(pictures)), shape_(shape), class_names_(std::move(class_names)),
          skipped_(std::move(skipped)), cache_(pictures_.size()) {
        for (size_t i = 0; i < pictures_.size(); ++i) pictures_[i].place = i;
        count_boxes();
    }

    static int64_t trained_boxes(const std::vector<TruthBox>& boxes) {
        return std::count_if(boxes.begin(), boxes.end(), [](const TruthBox& truth) { return !truth.crowd; });
    }

    // Decodes every picture; those that cannot be decoded are left out.
    void skip_undecodable() {
        const std::vector<std::string> wrong = find_bad_pictures(size(), [&](int64_t i) { decoded(i); });
        std::vector<Picture> left;
        for (size_t i = 0; i < pictures_.size(); ++i)
            if (wrong[i].empty())
                left.push_back(std::move(pictures_[i]));
            else
                skipped_.add_picture(wrong[i]);
        pictures_ = std::move(left);
        count_boxes();
    }

    int64_t size() const override { return static_cast<int64_t>(pictures_.size()); }
    RecordShape shape() const override { return shape_; }
    const std::vector<std::string>& class_names() const override { return class_names_; }
    std::string name(int64_t index) const override { return picture(index).path; }
    int64_t most_boxes() const override { return most_boxes_; }
    std::vector<TruthBox> boxes(int64_t index) const override { return picture(index).boxes; }
    PictureSize picture_size(int64_t index) const override { return picture(index).size; }
    const SkipReport& skipped() const override { return skipped_; }

    void read(int64_t index, uint8_t* pixels, int32_t& label) const override {
        const Image image = resize_image(*decoded(index), shape_.height, shape_.width);
        std::memcpy(pixels, image.pixels.data(), image.pixels.size());
        label = -1;
    }

    void read_boxes(int64_t index, const Draw* draw, uint8_t* pixels, std::span<Box> boxes) const override {
        require(static_cast<int64_t>(boxes.size()) == most_boxes_, "There is room for ", boxes.size(),
                " boxes; the data set needs it for ", most_boxes_, ".");
        std::vector<Box> found;
        for (const TruthBox& truth : picture(index).boxes)
            if (!truth.crowd) found.push_back(truth.box);
        const std::shared_ptr<const Image> image = decoded(index);
        if (draw) {
            augment(*image, *draw, shape_.height, shape_.width, pixels, found);
        } else {
            const Image scaled = resize_image(*image, shape_.height, shape_.width);
            std::memcpy(pixels, scaled.pixels.data(), scaled.pixels.size());
        }
        std::copy(found.begin(), found.end(), boxes.begin());
        std::fill(boxes.begin() + static_cast<std::ptrdiff_t>(found.size()), boxes.end(), Box());
    }

  private:
    void count_boxes() {
        most_boxes_ = 0;
        for (const Picture& picture : pictures_)
            most_boxes_ = std::max(most_boxes_, trained_boxes(picture.boxes));
    }

    const Picture& picture(int64_t index) const {
        check_index(index);
        return pictures_[static_cast<size_t>(index)];
    }

    std::shared_ptr<const Image> decoded(int64_t index) const {
        const Picture& wanted = picture(index);
        return cache_.get(wanted.place, [&] {
            Image image = read_image(wanted.path, shape_.channels);
            if (image.height != wanted.size.height || image.width != wanted.size.width)
                fail(ErrorCode::file_malformed, "The picture \"", wanted.path, "\" has ", image.width, " x ",
                     image.height, " pixels (width x height); it had ", wanted.size.width, " x ",
                     wanted.size.height, " when the data set was opened.");
            return image;
        });
    }

    std::vector<Picture> pictures_;
    RecordShape shape_;
    std::vector<std::string> class_names_;
    SkipReport skipped_;
    PictureCache cache_;
    int64_t most_boxes_ = 0;
};

// The picture's path, and its size as it is.
void find_picture(const ListedPicture& listed, Picture& found) {
    if (!listed.wrong.empty()) fail(ErrorCode::file_malformed, listed.wrong);
    require_inside(listed.name, listed.place);
    const auto path = std::find_if(listed.candidates.begin(), listed.candidates.end(), file_exists);
    if (path == listed.candidates.end()) {
        std::string places;
        for (const std::string& candidate : listed.candidates)
            places += text(places.empty() ? "" : " and \"", candidate, "\"");
        fail(ErrorCode::not_found, "The picture \"", listed.name, "\" of ", listed.place,
             " is missing; it is looked for as \"", places, ".");
    }
    found.path = *path;
    found.size = read_image_size(*path);
    if (listed.size != PictureSize() && listed.size != found.size)
        fail(ErrorCode::file_malformed, "The picture \"", *path, "\" has ", found.size.width, " x ",
             found.size.height, " pixels (width x height); ", listed.place, " says ", listed.size.width,
             " x ", listed.size.height, ".");
}

struct Classes {
    explicit Classes(const std::vector<std::string>& names) : names_(names) {
        for (size_t i = 0; i < names.size(); ++i) labels_.emplace(names[i], static_cast<float>(i));
    }
    const float* find(const std::string& name) const {
        const auto found = labels_.find(name);
        return found == labels_.end() ? nullptr : &found->second;
    }
    std::string list() const {
        constexpr size_t most = 20;
        std::string all;
        for (size_t i = 0; i < std::min(names_.size(), most); ++i)
            all += text(i ? ", \"" : "\"", names_[i], "\"");
        return names_.size() > most ? all + ", …" : all;
    }

  private:
    const std::vector<std::string>& names_;
    std::unordered_map<std::string, float> labels_;
};

TruthBox checked_box(const ListedBox& listed, const BoxForm& form, const std::string& source,
                     PictureSize size, const Classes& classes) {
    const auto refuse = [&](const auto&... parts) {
        fail(ErrorCode::file_malformed, "The box in ", box_place(form, listed.number, source), " ", parts...);
    };
    if (!listed.wrong.empty()) fail(ErrorCode::file_malformed, listed.wrong);
    const float* label = classes.find(listed.class_name);
    if (!label)
        refuse("has the class \"", listed.class_name, "\", which is none of the classes ", classes.list(),
               ".");
    std::string values; // as the file has them
    for (size_t i = 0; i < 4; ++i) {
        if (!std::isfinite(listed.given[i]))
            refuse("has the ", form.names[i], " ", listed.given[i], ", which is no finite number.");
        values += text(i ? ", " : "", form.names[i], " ", listed.given[i]);
    }
    auto [left, top, right, bottom] = listed.given;
    if (form.meaning == BoxForm::inclusive) {
        left -= 1;
        top -= 1;
    } else if (form.meaning == BoxForm::extent) {
        right += left;
        bottom += top;
    }
    if (!(left < right && top < bottom)) refuse("has no area (", values, ").");
    if (std::min(left, top) < -tolerated_pixels || right > size.width + tolerated_pixels ||
        bottom > size.height + tolerated_pixels)
        refuse("reaches out of its picture of ", size.width, " x ", size.height,
               " pixels (width x height) by more ", "than the one pixel that is tolerated and cut off (",
               values, ").");
    Box box{*label, static_cast<float>(std::max(top, 0.0) / size.height),
            static_cast<float>(std::max(left, 0.0) / size.width),
            static_cast<float>(std::min(bottom / size.height, 1.0)),
            static_cast<float>(std::min(right / size.width, 1.0))};
    if (!(box.left < box.right && box.top < box.bottom))
        refuse("has no area inside its picture of ", size.width, " x ", size.height,
               " pixels (width x height; ", values, ").");
    return {box, listed.difficult || listed.crowd, listed.crowd};
}

} // namespace

std::string box_place(const BoxForm& form, int64_t number, const std::string& source) {
    return text(form.before, number, form.after, " of \"", source, "\"");
}

void require_inside(const std::string& name, const std::string& place) {
    const std::vector<std::string> parts = split(name, '/');
    if (name.empty() || name[0] == '/' || name.find('\0') != std::string::npos ||
        std::find(parts.begin(), parts.end(), "..") != parts.end())
        fail(ErrorCode::file_malformed, "The picture \"", name, "\" of ", place,
             " is not named by a path inside the data set's folder.");
}

std::unique_ptr<Dataset> open_boxes(BoxListing listing, const DatasetOptions& options) {
    const RecordShape shape = scaled_shape(listing.folder, options);
    std::vector<std::string> unique = listing.class_names;
    std::sort(unique.begin(), unique.end());
    const auto twice = std::adjacent_find(unique.begin(), unique.end());
    if (twice != unique.end())
        fail(ErrorCode::invalid_argument, "The class \"", *twice, "\" of the data set \"", listing.folder,
             "\" is named twice.");
    const Classes classes(listing.class_names);
    BadOnes& bad = listing.bad;

    std::vector<Picture> pictures;
    int64_t boxes = 0;
    for (const ListedPicture& listed : listing.pictures) {
        Picture picture;
        if (!bad.picture([&] { find_picture(listed, picture); })) continue;
        const SkipReport before = bad.report;
        for (const ListedBox& box : listed.boxes)
            bad.box([&] {
                picture.boxes.push_back(
                    checked_box(box, listing.form, listed.boxes_source, picture.size, classes));
            });
        if (picture.boxes.empty() && !listing.form.empty_pictures) {
            // What is in it is unknown, so it is no picture of nothing.
            bad.report = before;
            bad.report.add_picture(text("The picture \"", picture.path, "\" has no box that can be right."));
            continue;
        }
        boxes += BoxDataset::trained_boxes(picture.boxes);
        pictures.push_back(std::move(picture));
    }
    const auto require_boxes = [&](int64_t left, const SkipReport& report) {
        if (left > 0) return;
        const std::string first = report.sentences.empty() ? "" : " The first: " + report.sentences.front();
        fail(ErrorCode::not_found, "The split \"", listing.split, "\" of the data set \"", listing.folder,
             "\" has no box to train on (", listing.pictures.size(), " pictures; ", report.pictures,
             " of them and ", report.boxes, " boxes were left out).", first);
    };
    require_boxes(boxes, bad.report);

    const bool skip = bad.skip;
    auto dataset = std::make_unique<BoxDataset>(std::move(pictures), shape, std::move(listing.class_names),
                                                std::move(bad.report));
    if (skip) {
        dataset->skip_undecodable();
        require_boxes(dataset->most_boxes(), dataset->skipped());
    }
    return dataset;
}

std::vector<std::string> find_bad_pictures(int64_t count, const std::function<void(int64_t)>& decode) {
    std::vector<std::string> wrong(static_cast<size_t>(count));
    std::atomic<int64_t> next = 0;
    std::exception_ptr failure; // of another kind: no memory, say
    std::mutex mutex;
    const auto work = [&] {
        for (int64_t i; (i = next++) < count;) {
            try {
                decode(i);
            } catch (const Error& error) {
                wrong[static_cast<size_t>(i)] = error.what();
            } catch (...) {
                const std::lock_guard lock(mutex);
                failure = std::current_exception();
                next = count;
            }
        }
    };
    {
        std::vector<std::jthread> threads;
        const auto most =
            static_cast<unsigned>(std::min<int64_t>(count, std::thread::hardware_concurrency()));
        try {
            for (unsigned i = 1; i < most; ++i) threads.emplace_back(work);
        } catch (const std::system_error&) { // fewer threads, then
        }
        work();
    }
    if (failure) std::rethrow_exception(failure);
    return wrong;
}

} // namespace lemnos
