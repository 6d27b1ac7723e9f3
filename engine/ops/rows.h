// Dispatches of shaders that look at the rows of matrices one by one (shaders/include/rows.glsl).
#pragma once

#include "ops/window.h"
#include "shaders/rows.h"

#include <algorithm>

namespace lemnos {

struct RowsKernel {
    const char* shader;
    uint32_t constant = 0; // specialisation constant 3
    // In the order of the bindings. A matrix is cut with the rows, one number a row likewise, `whole` is not
    // cut; a narrow matrix has one column less.
    enum Kind { matrix, narrow, per_row, whole };
    struct Bound {
        Operand operand;
        Kind kind;
    };
    std::vector<Bound> operands;
    float smoothing = 0, factor = 1, alpha = 0, gamma = 0, beta = 0, epsilon = 0;
};

inline void emit_rows(Emitter& e, const RowsKernel& given, int64_t rows, int64_t columns) {
    constexpr uint32_t group_size = 64;
    // A long row is shared by a workgroup; where there are rows enough for a CPU's lanes, they need no
    // barriers.
    const bool alone = columns <= 64 || (e.profile().family == KernelFamily::scalar && rows >= 32);
    const int64_t step = std::max<int64_t>(1, window_limit(e) / columns);
    for (int64_t first = 0; first < rows; first += step) {
        const int64_t part = std::min(step, rows - first);
        shader::RowsParams params{uint32_t(part),  uint32_t(columns), 0,           0,           0,
                                  given.smoothing, given.factor,      given.alpha, given.gamma, given.beta,
                                  given.epsilon};
        Kernel kernel{.shader = given.shader};
        for (const auto& [operand, kind] : given.operands) {
            if (kind == RowsKernel::whole) {
                kernel.operands.push_back(operand);
                continue;
            }
            const int64_t each = kind == RowsKernel::matrix   ? columns
                                 : kind == RowsKernel::narrow ? columns - 1
                                                              : 1;
            const Window cut = window(e, operand, first * each, part * each);
            (kind == RowsKernel::matrix   ? params.first
             : kind == RowsKernel::narrow ? params.narrow_first
                                          : params.row_first) = cut.first;
            kernel.operands.push_back(cut.operand);
        }
        kernel.specialisation = {group_size, alone ? 1 : group_size, columns % 4 == 0, given.constant};
        kernel.groups = linear_groups(e.profile(), part, alone ? group_size : 1);
        kernel.flops = 8 * double(part) * double(columns);
        e.dispatch(std::move(kernel.params(params)));
    }
}

} // namespace lemnos
