// The menu of kernels for convolutions. Each file of convolutions.def offers rows: a kernel for one pass, where it fits, how
// it may be cut, and its dispatches. Which row computes a problem is a pure function of the device's profile, of what is decided
// there (vulkan/kernel_choices.h), and of the problem. Each shader says at its head what it computes and why it is fast; each .h
// beside it says how it is dispatched.
#pragma once

#include "ops/activation.h"
#include "ops/convolution.h"
#include "vulkan/kernel_choices.h"

#include <optional>
#include <vector>

namespace lemnos {

enum class ConvolutionPass { forward, input_gradient, filter_gradient };

// What is to be computed: one pass over (a batch slice of) one convolution.
struct ConvolutionProblem {
    ConvolutionPass pass = ConvolutionPass::forward;
    ConvolutionShape shape;
    ActivationKind activation = ActivationKind::none; // of the forward pass, as is the bias
    bool bias = false, residual = false;              // the latter of the input's gradient, too
    DataType dtype = DataType::f32; // of x, y and the residual, or of their gradients; filters, biases and their gradients are f32
};

const char* name_of(ConvolutionPass pass);
// A problem as a text, which decisions about it are filed under: "forward x=8x56x56x24 y=56x56x144 kernel=1x1 …".
std::string to_string(const ConvolutionProblem& problem);
ConvolutionProblem convolution_problem(const std::string& text); // the other way; fails where the text is none

// How a kernel cuts its work, where there are several ways; what the numbers mean is the kernel's own affair.
struct KernelTile {
    uint32_t columns = 0, rows = 0;
    auto operator<=>(const KernelTile&) const = default;
};

struct ConvolutionKernel {
    const char* name; // with its pass unique in the menu
    ConvolutionPass pass;
    std::optional<KernelFamily> family; // of the devices that it is meant for; empty: all
    bool (*fits)(const DeviceProfile&, const ConvolutionProblem&); // it runs there and computes that
    void (*emit)(Emitter&, const ConvolutionProblem&, const ConvolutionOperands&, KernelTile);
    // All ways to cut the problem, the default first. Null: there is one way, which has no numbers.
    std::vector<KernelTile> (*tiles)(const DeviceProfile&, const ConvolutionProblem&) = nullptr;
    // Where it fits, whether it is the default before the rows that follow. Null: always.
    bool (*pays)(const DeviceProfile&, const ConvolutionProblem&) = nullptr;
    bool half = false; // it computes problems of f16, too
};

// In the order of preference.
const std::vector<ConvolutionKernel>& all_convolution_kernels();

// It can compute the problem there, whether or not it is meant for such devices.
bool computes(const DeviceProfile& profile, const ConvolutionKernel& kernel, const ConvolutionProblem& problem);
// All ways to cut it, the default first; at least one.
std::vector<KernelTile> tiles_of(const DeviceProfile& profile, const ConvolutionKernel& kernel, const ConvolutionProblem& problem);
// The name under which it is checked, or rejected: "pointwise forward f32".
std::string name_of_check(const std::string& kernel, const ConvolutionProblem& problem);

struct ConvolutionChoice {
    const ConvolutionKernel* kernel = nullptr;
    KernelTile tile;

    KernelChoice choice() const { return {kernel->name, tile.columns, tile.rows}; }
};
// In this order: what the user wants by name, what is decided for this very problem, and the first row that is meant for such
// devices and pays, or else for any. Only what can compute it, is not refused by name and was not found wrong.
ConvolutionChoice choose_convolution(const DeviceProfile& profile, const ConvolutionProblem& problem);
// Why the rows before the chosen one, or all others of its pass, are not taken; for the log.
std::string refused_convolutions(const DeviceProfile& profile, const ConvolutionProblem& problem, const ConvolutionChoice& choice);

// Defines the rows of a file of convolutions.def: LEMNOS_DEFINE_CONVOLUTIONS(tiled) { return {{"tiled", …}}; }
#define LEMNOS_DEFINE_CONVOLUTIONS(file) std::vector<::lemnos::ConvolutionKernel> define_convolutions_##file()

} // namespace lemnos
