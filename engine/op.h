// What an operator is: data. Inputs, attributes, a shape rule, a gradient that adds nodes to the graph, and the
// dispatches that compute it. `ops.def` lists all operators; each is a function that returns this description.
#pragma once

#include "graph/attributes.h"
#include "graph/types.h"
#include "vulkan/kernel_choices.h"
#include "vulkan/profile.h"

#include <array>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <type_traits>

namespace lemnos {

class ForwardValues;
class Graph;
class PlanBuilder;

struct InputSpec {
    const char* name;
    const char* help;
    bool optional = false;
    bool whole = false; // a separable operator sees all of it with every batch slice (weights, per-channel vectors)
};

struct OutputSpec {
    const char* name;
    const char* help;
    bool whole = false;
};

// What a shape rule sees. Failing is Signature::fail, whose sentence begins with the operator's name.
struct Signature {
    const char* operator_name;
    std::vector<std::optional<TensorType>> inputs; // empty: an optional input that was left out
    Attributes attributes;

    int count() const { return int(inputs.size()); }
    bool has(int i) const { return i < count() && inputs[size_t(i)].has_value(); }
    const TensorType& input(int i) const { return *inputs.at(size_t(i)); }
    const Shape& shape(int i) const { return input(i).shape; }

    template <typename... Parts>
    [[noreturn]] void fail(const Parts&... parts) const {
        lemnos::fail(ErrorCode::invalid_argument, "Operator ", operator_name, ": ", parts...);
    }
    template <typename... Parts>
    void require(bool condition, const Parts&... parts) const {
        if (!condition) fail(parts...);
    }
    void require_rank(int i, int rank, const char* name) const;
    void require_type(int i, DataType dtype, const char* name) const;
    void require_real(int i, const char* name) const; // f32 or f16
};

// What a gradient rule sees: the node, and the gradients of its outputs (empty where nothing depends on one). It adds
// nodes to the graph and sets the gradients of the inputs that need one.
class GradientBuilder {
  public:
    using Gradients = std::vector<std::vector<Value>>; // of every node's outputs, as far as they are summed
    GradientBuilder(Graph& graph, ForwardValues& values, Gradients& gradients, int32_t node, std::vector<bool> needed);
    Graph& graph;
    bool has(int i) const { return bool(original_input(i)); }
    Value input(int i) const;                    // empty: was left out; what is not kept is computed again for it
    Value output(int i = 0) const;
    const TensorType& input_type(int i) const;
    const TensorType& output_type(int i = 0) const;
    const Attributes& attributes() const;
    Value output_gradient(int i = 0) const { return gradients_[size_t(node_)][size_t(i)]; }
    bool needs(int i) const { return size_t(i) < needed_.size() && needed_[size_t(i)]; }
    void set(int i, Value gradient) { results[size_t(i)] = gradient; }
    // What other users of input i have given for its gradient up to now, or empty. Who takes it adds it to what it sets itself,
    // which saves a pass over the sum.
    Value take_gradient(int i);
    // Adds a node with one result.
    Value add(const char* op, std::vector<Value> inputs, Attributes attributes = {}) const;

    std::vector<Value> results; // one an input

  private:
    Value original_input(int i) const; // what the node reads; input() may be a copy of it
    ForwardValues& values_;
    Gradients& gradients_;
    int32_t node_;
    std::vector<bool> needed_;
};

enum class Access : uint8_t { read = 1, write = 2, read_write = 3 };

// A range of a region of memory that a kernel touches. Regions get their addresses when the plan is complete.
struct Operand {
    int32_t region = -1;
    int64_t offset = 0;
    int64_t bytes = 0;
    Access access = Access::read;

    Operand slice(int64_t from, int64_t length) const { return {region, offset + from, length, access}; }
    Operand as(Access other) const { return {region, offset, bytes, other}; }
};

// One dispatch.
struct Kernel {
    std::string shader;                   // its file's name in shaders/ without ".comp"
    std::vector<uint32_t> specialisation; // constant ids 0, 1, 2, …; id 0 is the workgroup's size in x
    std::vector<Operand> operands;        // bindings 0, 1, 2, …
    std::array<std::byte, most_parameter_bytes> push{};
    uint32_t push_bytes = 0;
    std::array<uint32_t, 3> groups{1, 1, 1};
    double flops = 0; // an estimate, for cutting submissions and for profiles
    bool subgroups = false; // uses subgroup operations and relies on the profile's subgroup size
    std::string variant, refused; // of a menu, for logs and profiles; see Emitter::note_choice()

    template <typename Params>
    Kernel& params(const Params& params) {
        static_assert(std::is_trivially_copyable_v<Params> && sizeof(Params) <= 128);
        std::memcpy(push.data(), &params, sizeof params);
        push_bytes = sizeof params;
        return *this;
    }
};

// Work that may wait: a plan joins what several operators leave for later in one dispatch. It comes before any other that writes
// what it reads or touches what it writes, at the latest at the end.
struct Postponed {
    std::vector<Operand> operands;
    Operand shared = {}; // read by all that are joined; region < 0: none
    std::array<uint32_t, 3> numbers{};
};
struct Joint {
    size_t (*most)(const DeviceProfile&); // that one dispatch takes
    Kernel (*kernel)(const DeviceProfile&, std::span<const Postponed>);
};

// What an operator's dispatch rule sees. Types are those of the current batch slice when the operator is separable.
class Emitter {
  public:
    const DeviceProfile& profile() const;
    const Attributes& attributes() const;
    int input_count() const;
    bool has_input(int i) const;
    TensorType input_type(int i) const;
    TensorType output_type(int i = 0) const;
    Operand input(int i) const;       // read access
    Operand output(int i = 0) const;  // write access; for a node's unused output a scratch region
    Operand workspace(int64_t bytes); // read and write access; lives until the operator's last dispatch
    // Where an output is of no use but to be added to a total (`accumulate`), the operator may do that itself: what asks here
    // and gets an answer adds its result to `total` where `keep`, one f32, is not 0, overwrites it otherwise (it may hold
    // anything then), and does not write to output(i).
    struct Total {
        Operand total, keep;
    };
    std::optional<Total> total(int i = 0);
    Operand none() const;             // for a binding that the specialised shader never touches
    // What `kernel` makes of `source` alone and writes to its last operand, which this call adds; `name` says what that is. For
    // read access. Made with every run, or where the plan keeps what it derives (PlanOptions::keep_derived) and the source is
    // a leaf that it does not write: once for all who ask for it, and anew when the leaf was written.
    Operand derive(const Operand& source, const std::string& name, int64_t bytes, Kernel kernel);
    // The largest batch whose operands stay within what one binding may cover, for operators that reduce over the
    // batch and cut it themselves; `example_bytes`: the bytes of one example of each batched operand.
    int64_t batch_step(int64_t batch, std::initializer_list<int64_t> example_bytes) const;
    void dispatch(Kernel kernel);
    // Leaves work for later; `joint` says how it is joined, and outlives the plan.
    void postpone(const Joint& joint, Postponed work);
    // What a menu of kernels chose for the dispatches that follow, and which of them it refused before and why, in words
    // without commas: for the log and for profiles, so that who reads them sees the reason.
    void note_choice(std::string variant, std::string refused = {}) {
        variant_ = std::move(variant);
        refused_ = std::move(refused);
    }
    // A menu chose this kernel for a problem: for the checks of kernels, for the tuner and for who wants to repeat the choice.
    void note_kernel(const std::string& problem, const KernelChoice& choice);

  private:
    friend class PlanBuilder;
    Emitter(PlanBuilder& builder, int32_t node, int64_t first, int64_t count)
        : builder_(builder), node_(node), first_(first), count_(count) {}
    PlanBuilder& builder_;
    int32_t node_;
    int64_t first_, count_; // examples of this slice; count_ < 0: all
    std::string variant_, refused_;
};

struct Operator {
    const char* name = "";
    const char* summary = ""; // one sentence, with the formula where there is one
    std::vector<InputSpec> inputs;
    std::vector<OutputSpec> outputs{{"y", "The result."}};
    std::vector<AttributeSpec> attributes;
    bool variadic = false;  // the last input may repeat
    bool internal = false;  // made by gradients and passes; not part of the public list
    bool separable = false; // may be dispatched in slices of the leading axis of its inputs and outputs
    bool alias = false;     // output 0 is input 0's memory under another shape; nothing is dispatched
    bool adds_to_total = false; // accumulate alone: see Emitter::total()
    int in_place = -1;      // an input in whose memory output 0 may come to lie where nothing else reads it: of its shape, and
                            // each element is read by none but the invocation that then writes it
    std::vector<int> half = {}; // inputs that may be f16, all of them at a time; one of a variadic operator stands for all. It
                                // then computes in f32 and rounds what is of their kind to f16
    std::vector<TensorType> (*infer)(const Signature&) = nullptr;
    void (*gradient)(GradientBuilder&) = nullptr; // null: not differentiable
    // Adds what gives output 0 of the node once more from its inputs and its other outputs, bit for bit and for less than the
    // node itself costs; null: there is nothing but the same node again. See gradients().
    Value (*again)(Graph&, Value output, const std::vector<Value>& inputs) = nullptr;
    void (*emit)(Emitter&) = nullptr;
};

// All operators in the order of ops.def.
std::span<const Operator> all_operators();
// Throws invalid_argument with the nearest known name when there is none.
const Operator& find_operator(const std::string& name);
// Names, inputs, outputs, attributes and texts of all public operators, as JSON; bindings are generated from it.
std::string operators_json();

// Workgroups for `items` invocations in groups of `size`, folded into y when x alone may not hold them; the shader
// computes its index as (y * groups_x + x) * size + lane and checks it against the count.
std::array<uint32_t, 3> linear_groups(const DeviceProfile& profile, int64_t items, uint32_t size);

// Defines the operator `name` of ops.def: LEMNOS_DEFINE_OPERATOR(relu) { return {.name = "relu", …}; }
#define LEMNOS_DEFINE_OPERATOR(name) ::lemnos::Operator define_operator_##name()

} // namespace lemnos
