#include "metrics_file.h"

#include "text.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <system_error>

namespace lemnos::cli {

namespace fs = std::filesystem;

static constexpr char header[] = "split,epoch,step,images,loss,accuracy,rate,seconds,batch,gradient_norm,noise_batch,map_50";
static constexpr size_t step_column = 2, seconds_column = 7, columns = 12;

static std::vector<std::string> split_row(const std::string& row) {
    std::vector<std::string> cells;
    std::istringstream in(row + ","); // so that an empty last cell is one
    for (std::string cell; std::getline(in, cell, ',');) cells.push_back(cell);
    return cells;
}

static std::string number(double value, const char* format) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, format, value);
    return buffer;
}

MetricsFile::MetricsFile(const std::string& path, int64_t resumed_step) : path_(path) {
    std::vector<std::string> kept;
    if (std::ifstream old(path); resumed_step >= 0 && old) {
        std::string row;
        std::getline(old, row);
        if (row == header)
            while (std::getline(old, row)) {
                const std::vector<std::string> cells = split_row(row);
                if (cells.size() != columns || std::atoll(cells[step_column].c_str()) > resumed_step)
                    continue;
                earlier_seconds_ = std::atof(cells[seconds_column].c_str());
                kept.push_back(row);
            }
    }
    std::error_code error;
    const fs::path target = fs::is_symlink(path, error) ? fs::weakly_canonical(path, error) : fs::path(path);
    if (fs::exists(target, error) && !fs::is_regular_file(target, error)) { // a device, a pipe
        open(path, "w");
        write(kept);
        return;
    }
    // An old file goes when the new one holds what is to be kept of it: the disk may be full.
    const fs::path beginning =
        target.parent_path() / (".lemnos-" + std::to_string(std::random_device()()) + ".tmp");
    try {
        open(beginning.string(), "wx");
        write(kept);
        fs::rename(beginning, target, error);
        if (error) refuse(error.value());
    } catch (const Failure&) {
        if (file_) fs::remove(beginning, error), std::fclose(file_);
        throw;
    }
}

void MetricsFile::refuse(int error) const {
    throw Failure("The file \"" + path_ + "\" cannot be written: " + std::generic_category().message(error) +
                  ".");
}

void MetricsFile::open(const std::string& path, const char* mode) {
    file_ = std::fopen(path.c_str(), mode);
    if (!file_) refuse(errno);
}

void MetricsFile::write(const std::vector<std::string>& rows) {
    add(header);
    for (const std::string& row : rows) add(row);
}

MetricsFile::~MetricsFile() {
    if (file_) std::fclose(file_);
}

void MetricsFile::add(const std::string& row) {
    if (std::fprintf(file_, "%s\n", row.c_str()) < 0 || std::fflush(file_) != 0) refuse(errno);
}

// A value that there is none of leaves its cell empty.
void MetricsFile::add_row(const std::string& split, const lem_progress& progress, const Json& values, double seconds) {
    const auto cell = [&](const char* name) { return values.contains(name) ? number(values[name], "%.6f") : ""; };
    add(split + "," + std::to_string(progress.epoch + 1) + "," + std::to_string(progress.step) + "," +
        std::to_string(values["images"].get<int64_t>()) + "," + cell("loss") + "," + cell("accuracy") + "," +
        number(progress.rate, "%.8g") + "," + number(earlier_seconds_ + seconds, "%.3f") + "," +
        std::to_string(progress.batch) + "," + number(progress.gradient_norm, "%.6g") + "," +
        number(progress.noise_batch, "%.6g") + "," + cell("map_50"));
}

void MetricsFile::add_train(const lem_progress& progress, bool detects, double seconds) {
    Json values{{"images", progress.images}, {"loss", progress.loss}};
    if (!detects) values["accuracy"] = progress.accuracy;
    add_row("train", progress, values, seconds);
}

void MetricsFile::add_test(const std::string& split, const lem_progress& progress, const Json& measured, double seconds) {
    add_row(split, progress, measured, seconds);
}

} // namespace lemnos::cli
