// Runs operators and graphs on the device, for tests that hold the results against the double-precision
// references.
//
// A suite is a struct derived from OpTest; CTest runs every suite as one process, in which the device and its
// pipelines are shared:
//     struct Relu : OpTest {};
//     TEST_F(Relu, MatchesTheReference) {
//         const Tensor x = random.with_edges({3, 65}), dy = random.uniform({3, 65});
//         const OpCase relu{"relu", {x}};
//         expect_near(run(relu), activate(reference::relu(), x), 1e-6);
//         expect_near(run_gradients(relu, dy, {0})[0], activate_backward(reference::relu(), x, dy), 1e-6);
//     }
// Every run is checked beyond its values, see run_graph(). A test fails when the validation layer complained
// during it.
#pragma once

#include "graph/graph.h"
#include "plan/builder.h"
#include "reference/expect.h"
#include "reference/random_cases.h"
#include "vulkan/device.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace lemnos::test {

using reference::expect_near;
using reference::expect_near_elementwise;
using reference::RandomCases;
using reference::Tensor;

// A tensor on its way to the device. Without an element: an optional input that is left out.
struct Given {
    Given(Tensor value, DataType dtype = DataType::f32) : value(std::move(value)), dtype(dtype) {}
    Tensor value;
    DataType dtype;
    TensorType type() const { return {dtype, value.shape}; }
};

Tensor tensor_of(const std::vector<int32_t>& labels); // rank 1, to be given as DataType::i32

struct OpCase {
    std::string op;
    std::vector<Given> inputs;
    Attributes attributes = {};
};

struct RunOptions {
    std::shared_ptr<Device> device; // empty: the process's own
    bool inputs_stay = true;        // the inputs are compared after the run; off for what is updated in place
    std::shared_ptr<KernelChoices> kernels = {}; // in place of the device's own decisions
    KernelUses* uses = nullptr;     // where to say what menus of kernels chose
    bool once = false;              // a single run, without replay and separate buffers
};

// The device of this process, opened at first use, with max_storage_range lowered where a number is given.
// Throws where there is none.
std::shared_ptr<Device> device(int64_t max_storage_range = 0);

// Computes `wanted` on the device. Each value lies in a buffer of its own between guard bytes. Checked as
// expectations:
//  * nothing is written outside the outputs, and the inputs are unchanged;
//  * what lies behind an input (NaN) is not used;
//  * replaying the plan, and a plan with separate buffers (no memory reused), give the same bits.
std::vector<Tensor> run_graph(const Graph& graph, const std::map<Value, Given>& given,
                              const std::vector<Value>& wanted, const RunOptions& options = {});

// All outputs of one operator, or the first.
std::vector<Tensor> run_all(const OpCase& op_case, const RunOptions& options = {});
Tensor run(const OpCase& op_case, const RunOptions& options = {});

// The gradients of sum(seed * output) by the inputs `wrt`, in their order. The seed has the output's shape.
std::vector<Tensor> run_gradients(const OpCase& op_case, const Tensor& seed, const std::vector<int>& wrt,
                                  const RunOptions& options = {}, int output = 0);

// The sentence with which the operator refuses the case when it is added to a graph; empty if it accepts it.
std::string refusal(const OpCase& op_case);

// With a device, or else the test fails (with LEMNOS_ALLOW_NO_DEVICE=1: is skipped).
struct OpTest : testing::Test {
    void SetUp() override;
    RandomCases random;

  private:
    std::unique_ptr<testing::ScopedTrace> trace_;
};

} // namespace lemnos::test
