// Sums on the device, for all operators that end in one: deterministic, in as many passes as the accuracy and
// the device's width ask for, and cut where a tensor is larger than one binding.
#pragma once

#include "op.h"

namespace lemnos {

// y[outer][inner] = factor * sum over r of x[outer][r][inner], all dense; y is f32, and x unless it is said to be f16. With `keep`,
// one f32, that is added to what y holds where it is not 0.
void emit_sum(Emitter& e, const Operand& x, int64_t outer, int64_t reduce, int64_t inner, double factor,
              const Operand& y, DataType dtype = DataType::f32, const std::optional<Operand>& keep = {});

// What a shader that includes reduction.glsl sums: the terms it makes of tensors [outer][length]. Its
// bindings are the tensors, the result, what holds one number for each outer index, and what holds one number.
struct Terms {
    std::string shader;
    std::vector<Operand> tensors;
    std::optional<Operand> per_outer;
    uint32_t constant = 0; // specialisation constant 3
    std::optional<Operand> number = {};
    int64_t bytes = 4; // of an element of the tensors
};

// y[0] = factor * the sum of all terms.
void emit_sum_of_terms(Emitter& e, const Terms& terms, int64_t outer, int64_t length, double factor,
                       const Operand& y);

} // namespace lemnos
