// The CSV file of a training: loss and accuracy over time, one row at a time, so that a file of a run that
// was killed is whole up to its last row.
#pragma once

#include <lemnos/lemnos.h>

#include <cstdio>
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

    void add_train(const lem_progress& progress, double seconds);
    void add_test(const std::string& split, const lem_progress& progress, const lem_metrics& metrics,
                  double seconds);

  private:
    [[noreturn]] void refuse(int error) const;
    void open(const std::string& path, const char* mode);
    void write(const std::vector<std::string>& rows); // below the header
    std::string rest(const lem_progress& progress, double seconds) const;
    void add(const std::string& row);

    std::string path_;
    std::FILE* file_ = nullptr;
    double earlier_seconds_ = 0; // of the run that is resumed
};

} // namespace lemnos::cli
