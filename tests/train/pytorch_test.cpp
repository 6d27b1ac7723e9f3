// The optimizers' step on the device against PyTorch itself (oracle/optimizers.py), and our own reference too.
#include "oracle/oracle.h"
#include "train/single_steps.h"
#include "unit/scratch.h"

namespace lemnos::test {

namespace {

// What the oracle wrote.
struct Oracle {
    struct Run {
        std::string optimizer;
        Attributes options;
        double rate = 0;
        std::vector<double> start, exact, float32;
    };
    OracleRun process;
    std::vector<std::pair<SingleStep, Stepped>> steps;
    Arrays gradients;
    std::vector<Run> runs;
};

Attributes options_in(OracleFile& file) {
    file.expect("options");
    Attributes options;
    for (int left = file.word<int>(); left > 0; --left) {
        const std::string name = file.word(), value = file.word();
        if (value.find_first_of(".e") == std::string::npos)
            options.set(name, int64_t(std::stoll(value)));
        else
            options.set(name, std::strtod(value.c_str(), nullptr));
    }
    return options;
}

Arrays arrays_in(OracleFile& file, size_t count) {
    Arrays all;
    for (size_t i = 0; i < count; ++i) all.push_back(file.array(elements));
    return all;
}

void read_oracle(const std::string& path, Oracle& oracle) {
    OracleFile file(path);
    while (file.next()) {
        const std::string kind = file.word();
        if (kind == "gradients") {
            oracle.gradients = arrays_in(file, file.word<size_t>());
        } else if (kind == "run") {
            Oracle::Run& run = oracle.runs.emplace_back();
            run.optimizer = file.word();
            file.expect("rate");
            run.rate = file.word<double>();
            run.options = options_in(file);
            run.start = file.array(elements);
            run.exact = file.array(elements);
            run.float32 = file.array(elements);
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
            given.options = options_in(file);
            given.parameters = file.array(elements);
            given.gradients = file.array(elements);
            given.states = arrays_in(file, states);
            expected.parameters = file.array(elements);
            expected.states = arrays_in(file, states);
        }
    }
}

// Asked once a process.
const Oracle& oracle(uint64_t seed) {
    static const Oracle result = [seed] {
        Oracle oracle;
        const ScratchFolder folder;
        const std::string file = folder.file("optimizers");
        oracle.process = run_oracle("optimizers", file, seed);
        if (oracle.process.done()) read_oracle(file, oracle);
        return oracle;
    }();
    return result;
}

struct PyTorch : OpTest {
    void SetUp() override {
        OpTest::SetUp();
        if (!IsSkipped() && !HasFatalFailure()) require_oracle(answers().process);
    }
    const Oracle& answers() const { return oracle(random.seed()); }
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
