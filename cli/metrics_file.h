// The CSV file of a training: loss and accuracy (of a detector map_50) over time, one row at a time, so that a file of a run
// that was killed is whole up to its last row.
#pragma once

#include "library.h"

#include <string>
#include <vector>

namespace lemnos::cli {

class MetricsFile {
  public:
    // `resumed_step` below 0: a new file. Otherwise rows of later steps, which will be trained again, are
    // dropped.
    MetricsFile(const std::string& path, int64_t resumed_step);
    MetricsFile(const MetricsFile&) = delete;
    MetricsFile& operator=(const MetricsFile&) = delete;
    ~MetricsFile();

    void add_train(const lem_progress& progress, bool detects, double seconds);
    // `measured`: what measure() gave.
    void add_test(const std::string& split, const lem_progress& progress, const Json& measured, double seconds);

  private:
    [[noreturn]] void refuse(int error) const;
    void open(const std::string& path, const char* mode);
    void write(const std::vector<std::string>& rows); // below the header
    void add_row(const std::string& split, const lem_progress& progress, const Json& values, double seconds);
    void add(const std::string& row);

    std::string path_;
    std::FILE* file_ = nullptr;
    double earlier_seconds_ = 0; // of the run that is resumed
};

} // namespace lemnos::cli
