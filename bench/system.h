// The benchmark's only file that calls the operating system: other processes, the processor's name, a thread's own time.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lemnos::bench {

// A program with a pipe to its input and one from its output, spoken to line by line.
class ChildProcess {
  public:
    // `environment`: added to this process's own. A program that cannot be started ends at once and says nothing.
    ChildProcess(const std::vector<std::string>& command, const std::vector<std::pair<std::string, std::string>>& environment = {});
    ~ChildProcess(); // closes its input and waits for its end; it is killed when it does not come soon
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    bool write_line(const std::string& line); // false when it has ended
    bool read_line(std::string& line);        // false when it has ended
    int wait();                               // its exit status; negative: a signal

  private:
    int pid_ = -1, to_ = -1, from_ = -1, status_ = -1;
    std::string read_;
};

// A new folder under the system's folder for such, removed with all that is in it.
class TemporaryFolder {
  public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

double thread_seconds();     // of processor time that this thread has used; waiting is none
int processors();            // that a thread can run on
std::string processor();     // "AMD EPYC, 2 cores"
std::string operating_system(); // "Linux 6.1.0 x86_64"
double load_average();       // processes that wanted to run over the last minute; negative where it is unknown
std::string time_of_day();   // "2026-11-28 21:30 UTC"

} // namespace lemnos::bench
