// The optimizers' step on the device against PyTorch itself (oracle/oracle.py), and our own reference too.
#include "train/single_steps.h"
#include "unit/scratch.h"

#include <sys/wait.h>

#include <bit>
#include <cstdio>

namespace lemnos::test {

namespace {

static_assert(std::endian::native == std::endian::little); // of the oracle's file

// What the oracle wrote.
struct Oracle {
    struct Run {
        std::string optimizer;
        Attributes options;
        double rate = 0;
        std::vector<double> start, exact, float32;
    };
    std::string missing, broken; // why there is nothing
    std::vector<std::pair<SingleStep, Stepped>> steps;
    Arrays gradients;
    std::vector<Run> runs;
};

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
    Attributes options() {
        expect("options");
        Attributes options;
        for (int left = word<int>(); left > 0; --left) {
            const std::string name = word(), value = word();
            if (value.find_first_of(".e") == std::string::npos)
                options.set(name, int64_t(std::stoll(value)));
            else
                options.set(name, std::strtod(value.c_str(), nullptr));
        }
        return options;
    }
    std::vector<double> array() {
        std::vector<double> values(elements);
        in_.read(reinterpret_cast<char*>(values.data()), std::streamsize(elements * sizeof(double)));
        require(bool(in_), "The oracle's file is cut short.");
        return values;
    }
    Arrays arrays(size_t count) {
        Arrays all;
        for (size_t i = 0; i < count; ++i) all.push_back(array());
        return all;
    }

  private:
    std::ifstream in_;
    std::istringstream words_;
};

void read_oracle(const std::string& path, Oracle& oracle) {
    OracleFile file(path);
    while (file.next()) {
        const std::string kind = file.word();
        if (kind == "gradients") {
            oracle.gradients = file.arrays(file.word<size_t>());
        } else if (kind == "run") {
            Oracle::Run& run = oracle.runs.emplace_back();
            run.optimizer = file.word();
            file.expect("rate");
            run.rate = file.word<double>();
            run.options = file.options();
            run.start = file.array();
            run.exact = file.array();
            run.float32 = file.array();
        } else {
            auto& [given, expected] = oracle.steps.emplace_back();
            given.optimizer = file.word();
            file.expect("step");
            given.step = file.word<int64_t>();
            file.expect("rate");
            given.rate = file.word<double>();
            file.expect("factors");
            for (size_t i = 0; i < lengths.size(); ++i) {
                SegmentPolicy& policy = given.policies.emplace_back();
                policy.rate = file.word<double>();
                policy.decay = file.word<double>();
            }
            file.expect("states");
            const size_t states = file.word<size_t>();
            given.options = file.options();
            given.parameters = file.array();
            given.gradients = file.array();
            given.states = file.arrays(states);
            expected.parameters = file.array();
            expected.states = file.arrays(states);
        }
    }
}

// Runs the oracle once a process. LEMNOS_PYTHON names another interpreter than Debian's.
const Oracle& oracle(const std::string& seed) {
    static const Oracle result = [&seed] {
        Oracle oracle;
        const ScratchFolder folder;
        const char* chosen = std::getenv("LEMNOS_PYTHON");
        const std::string python = chosen && *chosen ? chosen : "/usr/bin/python3", file = folder.file("oracle");
        // -I: neither the user's packages nor environment variables choose another torch.
        const std::string command =
            text("'", python, "' -I '", LEMNOS_ORACLE, "' generate '", file, "' ", seed, " 2>&1");
        FILE* pipe = popen(command.c_str(), "r");
        if (!pipe) {
            oracle.broken = text("\"", command, "\" could not be run.");
            return oracle;
        }
        std::string said;
        for (int c; (c = std::fgetc(pipe)) != EOF;) said += char(c);
        const int status = pclose(pipe), code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (code == 77 || code == 126 || code == 127) { // no torch, or no such interpreter
            oracle.missing = text("There is no PyTorch to compare with (Debian's package python3-torch): ", said);
        } else if (code != 0) {
            oracle.broken = text("\"", command, "\" ended with the status ", status, ": ", said);
        } else {
            std::cout << text("    the oracle is ", said);
            read_oracle(file, oracle);
        }
        return oracle;
    }();
    return result;
}

// A test that asks PyTorch. Where there is none it is skipped, or fails with LEMNOS_REQUIRE_ORACLES=1.
struct PyTorch : OpTest {
    void SetUp() override {
        OpTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        const std::string seed = random.seed_text();
        const Oracle& all = oracle(seed.substr(seed.find('=') + 1));
        ASSERT_EQ(all.broken, "");
        if (all.missing.empty()) return;
        const char* required = std::getenv("LEMNOS_REQUIRE_ORACLES");
        if (required && std::string(required) == "1") FAIL() << all.missing;
        GTEST_SKIP() << all.missing;
    }
    static const Oracle& answers() { return oracle(""); }
};

} // namespace

TEST_F(PyTorch, AgreesInSingleSteps) {
    ASSERT_EQ(answers().steps.size(), 1000u);
    Tally tally;
    for (const auto& [given, expected] : answers().steps) expect_on_device(given, expected, tally);
    tally.print("the tolerance");
}

TEST_F(PyTorch, IsNotTwiceAsNearToFloat64AfterAThousandSteps) {
    ASSERT_EQ(answers().gradients.size(), 1000u);
    ASSERT_EQ(answers().runs.size(), 16u);
    for (const Oracle::Run& run : answers().runs)
        expect_as_near(text(run.optimizer, describe_options(run.options)),
                       run_on_device(run.optimizer, run.options, run.rate, run.start, answers().gradients), run.float32,
                       run.exact);
}

// Both in double: nothing but the order of operations differs.
TEST_F(PyTorch, AgreesWithTheReference) {
    Tally tally;
    for (const auto& [given, expected] : answers().steps)
        expect_same(given, by_reference(given), expected, 1e-10, tally);
    tally.print("1e-10");
}

} // namespace lemnos::test
