#include "plan/kernel_check.h"

#include "plan/lone_convolution.h"

#include <algorithm>

namespace lemnos {

static constexpr double largest_check = 3e7; // multiply-adds, some ten milliseconds in double precision
static constexpr int64_t few_rows = 64;       // up to so many pixels of results, kernels may differ from those for more

// About how large a small problem is: pixels of a side of the result, and channels (0: as many as there are).
struct Size {
    int64_t extent, channels;
};

// The first that fits is taken. Workgroups of GPUs compute tiles of up to 128 x 128; those of CPUs are far smaller, and their
// first use shall not take long.
static std::vector<Size> sizes_for(const DeviceProfile& profile) {
    if (profile.is_cpu) return {{9, 64}, {9, 32}, {6, 0}};
    return {{9, 128}, {9, 32}, {6, 0}};
}

// Fewer channels, with the same remainders that kernels care for.
static int64_t fewer(int64_t channels, int64_t wanted) { return channels < wanted + 32 ? channels : wanted + channels % 32; }

// The same kind of problem on a small image: so it needs the pipelines that the problem itself will need.
static ConvolutionProblem small_form(ConvolutionProblem problem, Size size) {
    ConvolutionShape& s = problem.shape;
    const int64_t rows = std::max<int64_t>(0, s.out_height - size.extent), columns = std::max<int64_t>(0, s.out_width - size.extent);
    if (s.in_height - rows * s.stride_y >= 1) {
        s.out_height -= rows;
        s.in_height -= rows * s.stride_y;
    }
    if (s.in_width - columns * s.stride_x >= 1) {
        s.out_width -= columns;
        s.in_width -= columns * s.stride_x;
    }
    s.batch = std::min(s.batch, std::max<int64_t>(2, few_rows / (s.out_height * s.out_width) + 1));
    if (size.channels && s.groups == 1) {
        s.in_channels = fewer(s.in_channels, size.channels);
        s.out_channels = fewer(s.out_channels, size.channels);
    } else if (size.channels && s.by_channel()) {
        const int64_t multiplier = s.out_channels / s.in_channels;
        s.in_channels = s.groups = fewer(s.in_channels, size.channels);
        s.out_channels = s.in_channels * multiplier;
    }
    if (problem.activation != ActivationKind::relu && problem.activation != ActivationKind::relu6)
        problem.activation = ActivationKind::none;
    return problem;
}

// Every tensor within one binding, or the problem would be cut into others.
static bool is_small(const DeviceProfile& profile, const ConvolutionProblem& problem) {
    const ConvolutionShape& s = problem.shape;
    const int64_t x = s.batch * s.in_height * s.in_width * s.in_channels, y = s.pixels() * s.out_channels;
    const int64_t filter = s.kernel_height * s.kernel_width * s.in_channels / s.groups * s.out_channels;
    return s.macs() <= largest_check && std::max({x, y, filter}) * 4 <= profile.max_storage_range;
}

// What is wrong with a kernel on a small problem; empty: nothing. Nothing where there was no memory to tell.
static std::optional<std::string> fault_of_small(const std::shared_ptr<Device>& device, const ConvolutionKernel& kernel,
                                                 const ConvolutionProblem& small, KernelTile tile) {
    try {
        const LoneConvolution convolution(device, small);
        const std::shared_ptr<Plan> plan = convolution.compile({kernel.name, tile.columns, tile.rows}, {&kernel});
        return convolution.difference(convolution.run(*plan), convolution.expected());
    } catch (const Error& error) {
        switch (error.code()) {
        case ErrorCode::out_of_host_memory:
        case ErrorCode::out_of_device_memory: return {};
        case ErrorCode::device_lost:
        case ErrorCode::device_closed: throw;
        default: return error.what();
        }
    }
}

std::optional<std::string> fault_of_kernel(const std::shared_ptr<Device>& device, const ConvolutionKernel& kernel,
                                           const ConvolutionProblem& problem, KernelTile tile) {
    const DeviceProfile& profile = device->profile();
    // Cut as the problem itself is, where any size is; a kernel that has no such cut for small ones, as it cuts those.
    for (const bool any_cut : {false, true})
        for (const Size size : sizes_for(profile)) {
            const ConvolutionProblem small = small_form(problem, size);
            if (!computes(profile, kernel, small) || !is_small(profile, small)) continue;
            const std::vector<KernelTile> tiles = tiles_of(profile, kernel, small);
            const bool offered = std::find(tiles.begin(), tiles.end(), tile) != tiles.end();
            if (offered || any_cut) return fault_of_small(device, kernel, small, offered ? tile : tiles.front());
        }
    return {};
}

static const ConvolutionKernel& row_of(const KernelChoices& choices, const ConvolutionProblem& problem, const std::string& name) {
    for (const ConvolutionKernel* row : choices.offered())
        if (row->pass == problem.pass && row->name == name) return *row;
    for (const ConvolutionKernel& row : all_convolution_kernels())
        if (row.pass == problem.pass && row.name == name) return row;
    fail(ErrorCode::internal, "The menu has no kernel named ", name, ".");
}

bool reject_wrong_kernels(const std::shared_ptr<Device>& device, KernelChoices& choices, const KernelUses& uses) {
    bool any = false;
    for (const auto& [text_of_problem, use] : uses) {
        const ConvolutionProblem problem = convolution_problem(text_of_problem);
        const std::string name = name_of_check(use.choice.kernel, problem), cut = name_of_check(to_string(use.choice), problem);
        if (choices.checked(cut) || choices.rejected(name)) continue;
        const ConvolutionKernel& row = row_of(choices, problem, use.choice.kernel);
        const auto fault = fault_of_kernel(device, row, problem, {use.choice.columns, use.choice.rows});
        if (!fault) continue;
        if (fault->empty()) {
            choices.note_checked(cut);
            continue;
        }
        device->log().line(Log::warning, "The kernel ", name, " is not used on ", device->info().name, ", for it failed its check as ",
                           to_string(use.choice), ": ", *fault);
        choices.reject(name, *fault);
        any = true;
    }
    return any;
}

} // namespace lemnos
