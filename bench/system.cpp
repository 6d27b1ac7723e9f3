#include "bench/system.h"

#include "support/error.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace lemnos::bench {

ChildProcess::ChildProcess(const std::vector<std::string>& command,
                           const std::vector<std::pair<std::string, std::string>>& environment) {
    std::signal(SIGPIPE, SIG_IGN); // a child that has ended is noticed by what write() says
    int in[2], out[2];
    // Closed in every other child: one that held the end of this one's input would keep it from ending.
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        fail(ErrorCode::unsupported, "The system gave no pipe to speak to ", command.at(0), " (", std::strerror(errno), ").");
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ < 0) fail(ErrorCode::unsupported, "The system could not start ", command.at(0), " (", std::strerror(errno), ").");
    if (pid_ == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
        execvp(arguments[0], arguments.data());
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    to_ = in[1];
    from_ = out[0];
}

ChildProcess::~ChildProcess() {
    if (to_ >= 0) close(std::exchange(to_, -1));
    for (int tries = 0; pid_ > 0 && tries < 50; ++tries) {
        if (waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
        else std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    if (pid_ > 0) {
        kill(pid_, SIGKILL);
        waitpid(pid_, &status_, 0);
    }
    close(from_);
}

bool ChildProcess::write_line(const std::string& line) {
    const std::string whole = line + "\n";
    for (size_t done = 0; done < whole.size();) {
        const ssize_t count = ::write(to_, whole.data() + done, whole.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        done += size_t(count);
    }
    return true;
}

bool ChildProcess::read_line(std::string& line) {
    for (size_t end; (end = read_.find('\n')) == std::string::npos;) {
        char characters[4096];
        const ssize_t count = ::read(from_, characters, sizeof characters);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        read_.append(characters, size_t(count));
    }
    const size_t end = read_.find('\n');
    line = read_.substr(0, end);
    read_.erase(0, end + 1);
    return true;
}

int ChildProcess::wait() {
    if (to_ >= 0) close(std::exchange(to_, -1));
    if (pid_ > 0) {
        waitpid(pid_, &status_, 0);
        pid_ = -1;
    }
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

TemporaryFolder::TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "lemnos-bench-XXXXXX").string();
    if (!mkdtemp(name.data()))
        fail(ErrorCode::file_unwritable, "The folder ", name, " could not be made (", std::strerror(errno), ").");
    path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored; // nothing depends on it
    std::filesystem::remove_all(path_, ignored);
}

double thread_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

int processors() { return int(std::thread::hardware_concurrency()); }

std::string processor() {
    std::ifstream file("/proc/cpuinfo");
    std::string name = "unknown";
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name")) {
            name = line.substr(std::min(line.size(), line.find(':') + 2));
            break;
        }
    return text(name, ", ", processors(), " cores");
}

std::string operating_system() {
    utsname names{};
    uname(&names);
    return text(names.sysname, " ", names.release, " ", names.machine);
}

double load_average() {
    double load = -1;
    return getloadavg(&load, 1) == 1 ? load : -1;
}

std::string time_of_day() {
    const std::time_t seconds = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char characters[64];
    std::strftime(characters, sizeof characters, "%Y-%m-%d %H:%M UTC", &parts);
    return characters;
}

} // namespace lemnos::bench
