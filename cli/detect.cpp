// lemnos detect: the objects that a model finds in image files, as JSON and drawn into copies of the images.
#include "command.h"
#include "picture.h"
#include "recipe.h"
#include "text.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <set>

namespace lemnos::cli {

namespace {

namespace fs = std::filesystem;

struct Options {
    std::string model, out, picture, precision, device;
    std::vector<std::string> images;
    double score = 0.5;
    std::optional<double> overlap;
    int limit = 100;
};

struct Found {
    int label;
    float score, top, left, bottom, right; // fractions of the image
};

// Colours that differ in hue, the same class always in the same one.
Colour colour_of(int label) {
    static constexpr Colour colours[] = {{226, 40, 40},  {20, 110, 220}, {30, 150, 40}, {150, 70, 200},
                                         {230, 110, 0},  {0, 150, 170},  {210, 40, 150}, {140, 120, 0}};
    return colours[size_t(label) % std::size(colours)];
}

void draw(Picture& picture, const Found& found, const std::string& name) {
    const auto pixel = [](float fraction, int size) { return int(std::lround(double(fraction) * size)); };
    const int top = pixel(found.top, picture.height), bottom = pixel(found.bottom, picture.height);
    const int left = pixel(found.left, picture.width), right = pixel(found.right, picture.width);
    const int line = std::max(2, std::min(picture.height, picture.width) / 160);
    const Colour colour = colour_of(found.label);
    fill(picture, top, left, line, right - left, colour);
    fill(picture, bottom - line, left, line, right - left, colour);
    fill(picture, top, left, bottom - top, line, colour);
    fill(picture, top, right - line, bottom - top, line, colour);
    const std::string label = drawable(name + " " + fixed(double(found.score), 2), picture.width - 8);
    const int width = text_width(label) + 8;
    const int label_top = top >= line_height ? top - line_height : top; // inside where there is no room above
    const int label_left = std::clamp(left, 0, std::max(0, picture.width - width));
    fill(picture, label_top, label_left, line_height, width, colour);
    write(picture, label_top + 3, label_left + 4, label, {255, 255, 255});
}

// The file that the drawing of an image goes to; images of one name in different folders get numbers.
std::string drawing_of(const std::string& folder, const std::string& image, std::set<std::string>& taken) {
    const std::string stem = fs::path(image).stem().string();
    std::string name = stem;
    for (int number = 2; !taken.insert(name).second; ++number) name = stem + "_" + std::to_string(number);
    return (fs::path(folder) / (name + ".png")).string();
}

class Detecting {
  public:
    explicit Detecting(const Options& options) : options_(options) {
        device_ = open_device(options.device);
        check(lem_model_load(device_, options.model.c_str(), model_.out()));
        info_ = info_of(model_);
        if (!info_.detects)
            throw Failure("The model \"" + options.model + "\" classifies images; lemnos predict is for such models.");
        Json given{{"score", options.score}, {"limit", options.limit}};
        set(given, "overlap", options.overlap);
        if (!options.precision.empty()) given["precision"] = options.precision;
        check(lem_predictor_create(model_, 1, dumped(given).c_str(), predictor_.out()));
    }

    Json run(const std::string& path, const std::string& drawing) {
        std::vector<uint8_t> pixels(size_t(info_.height) * size_t(info_.width) * size_t(info_.channels));
        check(lem_image_read(path.c_str(), info_.height, info_.width, info_.channels, pixels.data(), int64_t(pixels.size())));
        std::vector<float> rows(size_t(options_.limit) * 6);
        check(lem_predictor_run(predictor_, pixels.data(), int64_t(pixels.size()), 1, rows.data(), int64_t(rows.size())));
        std::vector<Found> objects;
        for (auto row = rows.begin(); row != rows.end() && row[0] >= 0; row += 6)
            objects.push_back({int(row[0]), row[1], row[2], row[3], row[4], row[5]});

        Picture size;
        check(lem_image_size(path.c_str(), &size.height, &size.width));
        Json described = describe(path, size, objects);
        if (!drawing.empty()) {
            write_png(drawing, drawn(path, objects, size.height, size.width));
            described["drawing"] = drawing;
        }
        if (!options_.picture.empty()) {
            const double scale = double(sheet_height) / size.height;
            sheet_.push_back(drawn(path, objects, sheet_height, std::max(1, int(std::lround(size.width * scale)))));
        }
        return described;
    }

    // All images beside each other, in rows.
    void write_sheet() const {
        struct Place {
            int top, left;
        };
        std::vector<Place> places;
        Picture all;
        int top = 0, left = 0;
        for (const Picture& picture : sheet_) {
            if (left > 0 && left + picture.width > sheet_width) top += sheet_height + sheet_gap, left = 0;
            places.push_back({top, left});
            left += picture.width + sheet_gap;
            all.width = std::max(all.width, left - sheet_gap);
        }
        all.height = top + sheet_height;
        all.pixels.assign(size_t(all.height) * size_t(all.width) * 3, 255);
        for (size_t i = 0; i < sheet_.size(); ++i)
            for (int y = 0; y < sheet_height; ++y)
                std::copy_n(sheet_[i].pixels.begin() + int64_t(y) * sheet_[i].width * 3, sheet_[i].width * 3,
                            all.pixels.begin() + (int64_t(places[i].top + y) * all.width + places[i].left) * 3);
        write_png(options_.picture, all);
    }

  private:
    static constexpr int sheet_height = 240, sheet_width = 1000, sheet_gap = 8;

    static void write_png(const std::string& path, const Picture& picture) {
        check(lem_image_write_png(path.c_str(), picture.pixels.data(), int64_t(picture.pixels.size()), picture.height, picture.width, 3));
    }

    Picture drawn(const std::string& path, const std::vector<Found>& objects, int height, int width) const {
        Picture picture{height, width, std::vector<uint8_t>(size_t(height) * size_t(width) * 3)};
        check(lem_image_read(path.c_str(), height, width, 3, picture.pixels.data(), int64_t(picture.pixels.size())));
        for (auto found = objects.rbegin(); found != objects.rend(); ++found) // the surest on top
            draw(picture, *found, info_.class_names[size_t(found->label)]);
        return picture;
    }

    Json describe(const std::string& path, const Picture& size, const std::vector<Found>& objects) const {
        Json list = Json::array();
        const auto pixel = [](float fraction, int extent) { return std::round(double(fraction) * extent * 10) / 10; };
        for (const Found& found : objects)
            list.push_back({{"class", info_.class_names[size_t(found.label)]},
                            {"label", found.label},
                            {"score", std::round(double(found.score) * 1e4) / 1e4},
                            {"box", {pixel(found.left, size.width), pixel(found.top, size.height), pixel(found.right, size.width),
                                     pixel(found.bottom, size.height)}}});
        return {{"image", path}, {"width", size.width}, {"height", size.height}, {"objects", std::move(list)}};
    }

    const Options& options_;
    Device device_;
    Model model_;
    ModelInfo info_;
    Predictor predictor_;
    std::vector<Picture> sheet_;
};

void check_folder(const std::string& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (!fs::is_directory(folder)) throw Failure("The folder \"" + folder + "\" cannot be made" + (error ? ": " + error.message() : "") + ".");
}

} // namespace

void add_detect(CLI::App& app, Run& run) {
    CLI::App* command = app.add_subcommand("detect", "Finds objects in image files with a model that was trained for it, prints them as "
                                                     "JSON (boxes are left, top, right, bottom in pixels) and draws them.");
    const auto options = std::make_shared<Options>();
    command->add_option("images", options->images, "Image files (PNG, JPEG).")->option_text("IMAGE...")->take_all()->required()->group("Images");
    command->add_option("--model", options->model, "The model's file.")->option_text("FILE")->required();
    command->add_option("--out", options->out, "Draws boxes, classes and scores into copies of the images (PNG) in this folder.")
        ->option_text("DIR");
    command->add_option("--picture", options->picture, "Draws all images beside each other into this PNG file.")->option_text("FILE");
    need_number(*command, command->add_option("--score", options->score, "The least score of an object that is named, 0 to 1 (0.5).")
                              ->option_text("SCORE"));
    need_number(*command, command->add_option("--overlap", options->overlap,
                                              "Of two boxes of one class that overlap more, the surer is kept; default: the model's.")
                              ->option_text("SHARE"));
    need_whole_number(*command, command->add_option("--limit", options->limit, "The most objects of an image (100).")->option_text("COUNT"), 1,
                      10000);
    add_precision_option(*command, options->precision);
    add_device_option(*command, options->device);
    command->footer("Examples:\n"
                    "  lemnos detect --model pets.safetensors --out drawn cat.jpg dogs.jpg\n"
                    "  lemnos detect --model pets.safetensors --score 0.3 photo.jpg");
    command->callback([=, &run] {
        run = [options] {
            if (!options->out.empty()) check_folder(options->out);
            Detecting detecting(*options);
            std::set<std::string> taken;
            Json list = Json::array();
            for (const std::string& image : options->images)
                list.push_back(detecting.run(image, options->out.empty() ? "" : drawing_of(options->out, image, taken)));
            if (!options->picture.empty()) detecting.write_sheet();
            std::cout << list.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
            return 0;
        };
    });
}

} // namespace lemnos::cli
