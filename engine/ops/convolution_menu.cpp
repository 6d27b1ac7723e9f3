// The choice among the kernels of convolutions.def, and the three passes as the operators ask for them.
#include "ops/convolution_menu.h"

#include <algorithm>
#include <cstdio>
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

std::vector<std::string> kernel_names() {
    std::vector<std::string> names;
    for (const ConvolutionKernel& kernel : all_convolution_kernels())
        if (std::find(names.begin(), names.end(), kernel.name) == names.end()) names.push_back(kernel.name);
    return names;
}

// ---- problems as texts ----------------------------------------------------------------------------------------------

static constexpr const char* pass_names[] = {"forward", "input_gradient", "filter_gradient"};
static constexpr const char* activation_names[] = {"none", "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "hard_swish"};

const char* name_of(ConvolutionPass pass) { return pass_names[int(pass)]; }

std::string to_string(const ConvolutionProblem& problem) {
    const ConvolutionShape& s = problem.shape;
    return text(name_of(problem.pass), " x=", s.batch, "x", s.in_height, "x", s.in_width, "x", s.in_channels, " y=", s.out_height, "x",
                s.out_width, "x", s.out_channels, " kernel=", s.kernel_height, "x", s.kernel_width, " stride=", s.stride_y, "x",
                s.stride_x, " dilation=", s.dilation_y, "x", s.dilation_x, " pad=", s.pad_top, "x", s.pad_left, " groups=", s.groups,
                " activation=", activation_names[int(problem.activation)], " bias=", int(problem.bias), " residual=",
                int(problem.residual), " type=", problem.dtype == DataType::f16 ? "f16" : "f32");
}

ConvolutionProblem convolution_problem(const std::string& given) {
    ConvolutionProblem problem;
    ConvolutionShape& s = problem.shape;
    long long n[18] = {};
    char pass[32] = {}, activation[32] = {}, type[8] = {};
    int bias = 0, residual = 0;
    const int read = std::sscanf(
        given.c_str(),
        "%31s x=%lldx%lldx%lldx%lld y=%lldx%lldx%lld kernel=%lldx%lld stride=%lldx%lld dilation=%lldx%lld pad=%lldx%lld groups=%lld "
        "activation=%31s bias=%d residual=%d type=%7s",
        pass, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7], &n[8], &n[9], &n[10], &n[11], &n[12], &n[13], &n[14], &n[15],
        activation, &bias, &residual, type);
    s = {n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11], n[12], n[13], n[14], n[15]};
    for (ConvolutionPass each : {ConvolutionPass::forward, ConvolutionPass::input_gradient, ConvolutionPass::filter_gradient})
        if (std::string(pass) == name_of(each)) problem.pass = each;
    for (size_t i = 0; i < std::size(activation_names); ++i)
        if (std::string(activation) == activation_names[i]) problem.activation = ActivationKind(i);
    problem.bias = bias != 0;
    problem.residual = residual != 0;
    problem.dtype = std::string(type) == "f16" ? DataType::f16 : DataType::f32;
    require(read == 21 && to_string(problem) == given, "The text \"", given.substr(0, 200), "\" is no convolution (one is \"",
            to_string({ConvolutionPass::forward, {1, 8, 8, 4, 8, 8, 16, 1, 1, 1, 1, 1, 1, 0, 0, 1}}), "\").");
    return problem;
}

// ---- the choice -----------------------------------------------------------------------------------------------------

bool computes(const DeviceProfile& profile, const ConvolutionKernel& kernel, const ConvolutionProblem& problem) {
    return kernel.pass == problem.pass && (problem.dtype != DataType::f16 || kernel.half) && kernel.fits(profile, problem);
}

std::vector<KernelTile> tiles_of(const DeviceProfile& profile, const ConvolutionKernel& kernel, const ConvolutionProblem& problem) {
    return kernel.tiles ? kernel.tiles(profile, problem) : std::vector{KernelTile{}};
}

std::string name_of_check(const std::string& kernel, const ConvolutionProblem& problem) {
    return text(kernel, " ", name_of(problem.pass), problem.dtype == DataType::f16 ? " f16" : " f32");
}

namespace {

class Chooser {
  public:
    Chooser(const DeviceProfile& profile, const ConvolutionProblem& problem)
        : profile_(profile), problem_(problem), choices_(profile.kernels ? *profile.kernels : none()) {
        for (const ConvolutionKernel* row : choices_.offered()) rows_.push_back(row);
        for (const ConvolutionKernel& row : all_convolution_kernels()) rows_.push_back(&row);
    }

    ConvolutionChoice choose() const {
        for (const std::string& name : choices_.wanted()) // a family's name is no kernel's: the device is of that family then
            for (const ConvolutionKernel* row : rows_)
                if (!is_family(name) && KernelChoices::named({name}, row->name) && why_not(*row).empty()) return {row, first_tile(*row)};
        if (const auto decided = choices_.decision(to_string(problem_)))
            for (const ConvolutionKernel* row : rows_) {
                if (row->name != decided->kernel || !why_not(*row).empty()) continue;
                const std::vector<KernelTile> tiles = tiles_of(profile_, *row, problem_);
                const KernelTile tile{decided->columns, decided->rows};
                if (std::find(tiles.begin(), tiles.end(), tile) != tiles.end()) return {row, tile};
            }
        for (bool any : {false, true}) // another family where nothing of this one is left
            for (const ConvolutionKernel* row : rows_)
                if ((any || (is_meant(*row) && pays(*row))) && why_not(*row).empty()) return {row, first_tile(*row)};
        fail(ErrorCode::unsupported, "No kernel is left for the convolution ", to_string(problem_), ": ", refused(nullptr), ".");
    }

    // "winograd.4 does not fit; pointwise is refused by LEMNOS_KERNELS"
    std::string refused(const ConvolutionKernel* until) const {
        std::string list;
        for (const ConvolutionKernel* row : rows_) {
            if (row == until) break;
            if (row->pass != problem_.pass) continue;
            std::string reason = why_not(*row);
            if (reason.empty())
                reason = !is_meant(*row) ? text("is of the family ", name_of(*row->family))
                         : pays(*row)    ? "is not what was decided"
                                         : "does not pay";
            list += text(list.empty() ? "" : "; ", row->name, " ", reason);
        }
        return list;
    }

  private:
    static const KernelChoices& none() {
        static const KernelChoices choices;
        return choices;
    }
    bool is_meant(const ConvolutionKernel& row) const { return row.family.value_or(profile_.family) == profile_.family; }
    bool pays(const ConvolutionKernel& row) const { return !row.pays || row.pays(profile_, problem_); }
    KernelTile first_tile(const ConvolutionKernel& row) const { return tiles_of(profile_, row, problem_).front(); }

    std::string why_not(const ConvolutionKernel& row) const {
        if (!computes(profile_, row, problem_)) return "does not fit";
        if (choices_.denies(row.name) || (row.family && choices_.denies(name_of(*row.family)))) return "is refused by LEMNOS_KERNELS";
        if (choices_.rejected(name_of_check(row.name, problem_))) return "computed something wrong when it was checked";
        return {};
    }

    const DeviceProfile& profile_;
    const ConvolutionProblem& problem_;
    const KernelChoices& choices_;
    std::vector<const ConvolutionKernel*> rows_;
};

} // namespace

ConvolutionChoice choose_convolution(const DeviceProfile& profile, const ConvolutionProblem& problem) {
    return Chooser(profile, problem).choose();
}

std::string refused_convolutions(const DeviceProfile& profile, const ConvolutionProblem& problem, const ConvolutionChoice& choice) {
    return Chooser(profile, problem).refused(choice.kernel);
}

static void emit(Emitter& e, ConvolutionProblem problem, const ConvolutionOperands& operands) {
    problem.dtype = e.input_type(0).dtype; // x or dy
    const ConvolutionChoice choice = choose_convolution(e.profile(), problem);
    e.note_kernel(to_string(problem), choice.choice());
    e.note_choice(to_string(choice.choice()), refused_convolutions(e.profile(), problem, choice));
    choice.kernel->emit(e, problem, operands, choice.tile);
}

void emit_convolution(Emitter& e, const ConvolutionShape& shape, const ConvolutionOperands& operands, const std::string& activation) {
    emit(e, {ConvolutionPass::forward, shape, activation_kind(activation), operands.bias.region >= 0, operands.residual.region >= 0},
         operands);
}

void emit_input_gradient(Emitter& e, const ConvolutionShape& shape, const ConvolutionOperands& operands) {
    emit(e, {.pass = ConvolutionPass::input_gradient, .shape = shape, .residual = operands.residual.region >= 0}, operands);
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
