// The geometry of a two-dimensional convolution, shared by its operators and by the choice of kernels.
#pragma once

#include "op.h"

namespace lemnos {

struct ConvolutionShape {
    int64_t batch, in_height, in_width, in_channels;
    int64_t out_height, out_width, out_channels;
    int64_t kernel_height, kernel_width;
    int64_t stride_y, stride_x, dilation_y, dilation_x;
    int64_t pad_top, pad_left; // what lies below and to the right follows from the output's size
    int64_t groups;

    int64_t pixels() const { return batch * out_height * out_width; }
    bool depthwise() const { return groups == in_channels && groups == out_channels && groups > 1; }
    bool strided() const { return stride_y > 1 || stride_x > 1; }
    // One tap, and no padding anywhere.
    bool pointwise() const {
        return kernel_height == 1 && kernel_width == 1 && pad_top == 0 && pad_left == 0 && out_height == divide_up(in_height, stride_y) &&
               out_width == divide_up(in_width, stride_x);
    }
    // Every channel by itself, any multiplier.
    bool by_channel() const { return groups == in_channels && groups > 1; }
    double macs() const {
        return double(pixels()) * double(out_channels) * double(kernel_height * kernel_width) *
               double(in_channels / groups);
    }
};

// From the types of the input x [N,H,W,C], the filter [kh,kw,C/groups,M] and the result [N,OH,OW,M].
ConvolutionShape convolution_shape(const TensorType& x, const TensorType& filter, const TensorType& y,
                                   const Attributes& attributes);

// Every channel of x by itself, any multiplier; such a convolution takes no residual.
bool is_by_channel(const Attributes& attributes, const TensorType& x);

// Whether a result is added to what lies there: always, or, with `keep`, where that number in memory is not 0.
struct Addition {
    bool always = false;
    Operand keep = {}; // region < 0: none

    bool any() const { return always || keep.region >= 0; }
};

// The operands of a pass, of the whole operator or of a batch slice: x, filter and y, or in their place the gradients of them
// that the pass reads or writes.
struct ConvolutionOperands {
    Operand x, filter, bias = {}, y; // bias.region < 0: none
    Operand residual = {};           // likewise, added to y or dx; not of a depthwise convolution
    Addition add = {};               // of the filter's gradient to what is there
};
// How it is computed is the affair of convolution_menu.h.
void emit_convolution(Emitter& e, const ConvolutionShape& shape, const ConvolutionOperands& operands,
                      const std::string& activation);
// dx from dy, the filter and the residual.
void emit_input_gradient(Emitter& e, const ConvolutionShape& shape, const ConvolutionOperands& operands);
// The filter's gradient, output 0, from x and dy, cut over the batch where a binding is too small for them.
void emit_filter_gradient(Emitter& e, const ConvolutionShape& shape, Operand x, Operand dy);

} // namespace lemnos
