// Other programs that tests compare Lemnos with: oracle.py lets PyTorch compute cases and writes them to a file, which the
// test reads. One process computes all cases of a test executable.
#pragma once

#include "support/error.h"

#include <gtest/gtest.h>

#include <sys/wait.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace lemnos::test {

struct OracleRun {
    std::string missing, broken; // why there is no file
    bool done() const { return missing.empty() && broken.empty(); }
};

// Writes a subject's cases to the file. LEMNOS_PYTHON names another interpreter than Debian's.
inline OracleRun run_oracle(const std::string& subject, const std::string& file, uint64_t seed) {
    const char* chosen = std::getenv("LEMNOS_PYTHON");
    const std::string python = chosen && *chosen ? chosen : "/usr/bin/python3";
    // -I: neither the user's packages nor environment variables choose another torch.
    const std::string command =
        text("'", python, "' -I '", LEMNOS_ORACLE, "' ", subject, " '", file, "' ", seed, " 2>&1");
    FILE* pipe = popen(command.c_str(), "r");
    if (!pipe) return {.broken = text("\"", command, "\" could not be run.")};
    std::string said;
    for (int c; (c = std::fgetc(pipe)) != EOF;) said += char(c);
    const int status = pclose(pipe), code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == 77 || code == 126 || code == 127) // no torch, or no such interpreter
        return {.missing = text("There is no PyTorch to compare with (Debian's package python3-torch): ", said)};
    if (code != 0) return {.broken = text("\"", command, "\" ended with the status ", status, ": ", said)};
    std::cout << text("    the oracle is ", said);
    return {};
}

// For SetUp(): a test without its oracle is skipped, or fails with LEMNOS_REQUIRE_ORACLES=1.
inline void require_oracle(const OracleRun& run) {
    ASSERT_EQ(run.broken, "");
    if (run.missing.empty()) return;
    const char* required = std::getenv("LEMNOS_REQUIRE_ORACLES");
    if (required && std::string(required) == "1") FAIL() << run.missing;
    GTEST_SKIP() << run.missing;
}

// The records of a file: words of a line, then arrays.
class OracleFile {
  public:
    explicit OracleFile(const std::string& path) : in_(path, std::ios::binary) {}

    bool next() { // record
        std::string line;
        if (!std::getline(in_, line)) return false;
        words_ = std::istringstream(line);
        return true;
    }
    template <typename T = std::string>
    T word() {
        T value{};
        require(bool(words_ >> value), "The oracle's file is malformed.");
        return value;
    }
    void expect(const std::string& wanted) { require(word() == wanted, "The oracle's file is malformed."); }
    std::vector<double> array(size_t elements) {
        static_assert(std::endian::native == std::endian::little); // as the file
        std::vector<double> values(elements);
        in_.read(reinterpret_cast<char*>(values.data()), std::streamsize(elements * sizeof(double)));
        require(bool(in_), "The oracle's file is cut short.");
        return values;
    }

  private:
    std::ifstream in_;
    std::istringstream words_;
};

} // namespace lemnos::test
