// The choice among the kernels of convolutions.def, and the three passes as the operators ask for them.
#include "ops/convolution_menu.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#define LEMNOS_CONVOLUTION(file) LEMNOS_DEFINE_CONVOLUTIONS(file);
#include "ops/convolutions.def"
#undef LEMNOS_CONVOLUTION

namespace lemnos {

const std::vector<ConvolutionKernel>& all_convolution_kernels() {
    static const std::vector<ConvolutionKernel> menu = [] {
        std::vector<ConvolutionKernel> rows;
        const auto add = [&](const std::vector<ConvolutionKernel>& more) { rows.insert(rows.end(), more.begin(), more.end()); };
#define LEMNOS_CONVOLUTION(file) add(define_convolutions_##file());
#include "ops/convolutions.def"
#undef LEMNOS_CONVOLUTION
        return rows;
    }();
    return menu;
}

ConvolutionChoice choose_convolution(const DeviceProfile& profile, const ConvolutionProblem& problem) {
    const char* wanted = std::getenv("LEMNOS_CONVOLUTION");
    const ConvolutionKernel* found = nullptr;
    for (const ConvolutionKernel& kernel : all_convolution_kernels()) {
        if (kernel.pass != problem.pass || kernel.family.value_or(profile.family) != profile.family) continue;
        if ((problem.dtype == DataType::f16 && !kernel.half) || !kernel.fits(profile, problem)) continue;
        const bool asked = wanted && std::strcmp(wanted, kernel.name) == 0;
        if (asked || (!found && (!kernel.pays || kernel.pays(profile, problem)))) found = &kernel;
        if (asked) break;
    }
    if (found) return {found, found->tiles ? found->tiles(profile, problem).front() : KernelTile{}};
    fail(ErrorCode::internal, "No kernel computes this convolution.");
}

// The rows of the menu before the chosen one, and why they were passed over: what the log and profiles say.
static std::string refused_before(const ConvolutionChoice& choice, const DeviceProfile& profile, const ConvolutionProblem& problem) {
    std::string refused;
    for (const ConvolutionKernel& kernel : all_convolution_kernels()) {
        if (&kernel == choice.kernel) break;
        if (kernel.pass != problem.pass) continue;
        const bool other_family = kernel.family.value_or(profile.family) != profile.family;
        refused += text(refused.empty() ? "" : "; ", kernel.name,
                        other_family                     ? " is for devices of another kind"
                        : kernel.fits(profile, problem) ? " does not pay"
                                                        : " does not fit");
    }
    return refused;
}

static void emit(Emitter& e, ConvolutionProblem problem, const ConvolutionOperands& operands) {
    problem.dtype = e.input_type(0).dtype; // x or dy
    const ConvolutionChoice choice = choose_convolution(e.profile(), problem);
    const KernelTile& tile = choice.tile;
    const std::string cut = tile == KernelTile{} ? "" : text(" ", tile.columns, "x", tile.rows);
    e.note_choice(text(choice.kernel->name, cut), refused_before(choice, e.profile(), problem));
    choice.kernel->emit(e, problem, operands, choice.tile);
}

void emit_convolution(Emitter& e, const ConvolutionShape& shape, const ConvolutionOperands& operands, const std::string& activation) {
    emit(e, {ConvolutionPass::forward, shape, activation_kind(activation), operands.bias.region >= 0, operands.residual.region >= 0},
         operands);
}

void emit_input_gradient(Emitter& e, const ConvolutionShape& shape, Operand dy, Operand filter, Operand dx) {
    emit(e, {ConvolutionPass::input_gradient, shape}, {.x = dx, .filter = filter, .y = dy});
}

void emit_filter_gradient(Emitter& e, const ConvolutionShape& shape, Operand x, Operand dy) {
    const std::optional<Emitter::Total> added = e.total();
    const Operand dfilter = added ? added->total : e.output();
    const Addition first_part{.keep = added ? added->keep : Operand{}}, further{.always = true};
    const int64_t x_bytes = x.bytes / shape.batch, dy_bytes = dy.bytes / shape.batch;
    const int64_t step = e.batch_step(shape.batch, {x_bytes, dy_bytes});
    for (int64_t first = 0; first < shape.batch; first += step) {
        ConvolutionShape slice = shape;
        slice.batch = std::min(step, shape.batch - first);
        emit(e, {ConvolutionPass::filter_gradient, slice},
             {.x = x.slice(first * x_bytes, slice.batch * x_bytes),
              .filter = dfilter,
              .y = dy.slice(first * dy_bytes, slice.batch * dy_bytes),
              .add = first > 0 ? further : first_part});
    }
}

} // namespace lemnos
