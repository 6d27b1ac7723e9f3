// What a device can do, as far as kernels and plans care. Kernel choices are pure functions of this, of what it decided, and
// of shapes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace lemnos {

class KernelChoices;

// scalar: barrier-free, one subgroup a workgroup, values spread by subgroupBroadcast; best on CPU devices.
// tiled:  shared memory, no subgroup operations; runs on every device, best on GPUs.
enum class KernelFamily { scalar, tiled };
inline const char* name_of(KernelFamily family) { return family == KernelFamily::scalar ? "scalar" : "tiled"; }

inline bool is_family(const std::string& name) {
    return name == name_of(KernelFamily::scalar) || name == name_of(KernelFamily::tiled);
}

// What the matrix units multiply (matrix_units.h): matrices of f16 with rows x step and step x columns, summed in f32.
struct MatrixUnit {
    uint32_t rows = 0, columns = 0, step = 0; // of a matrix, or what its sizes are multiples of where they are flexible; 0: none
    uint32_t largest = 0;                     // size where they are flexible
    uint32_t workgroup = 0;                   // invocations of a workgroup that owns a matrix together; 0: a subgroup does
    uint32_t reserved_shared_bytes = 0;       // of such a workgroup

    explicit operator bool() const { return rows > 0; }
    uint64_t products() const { return uint64_t(rows) * columns * step; }
};

// Bytes that a kernel may read at once (eight floats). Bindings are rounded up to it, so they begin at multiples of it:
// otherwise the rounded end of one slice would overlap the next.
constexpr int64_t binding_granularity = 32;

// Behind a kernel's parameters the addresses of its operands are pushed, where shaders may ask for them
// (shaders/include/addressed.glsl).
constexpr uint32_t most_parameter_bytes = 128, most_addresses = 16;
constexpr uint32_t addressed_push_bytes = most_parameter_bytes + 8 * most_addresses;

struct DeviceProfile {
    KernelFamily family = KernelFamily::tiled;
    bool is_cpu = false;
    uint32_t subgroup_size = 1;
    bool int64 = false;                  // shaders may use 64-bit integers, which the scalar kernels load floats by
    bool addresses = false;              // shaders may read buffers by address, and there is room to push theirs
    bool storage16 = false;              // buffers may hold f16, one number at a time
    bool subgroup_size_reliable = false; // fixed, or can be required of a pipeline: subgroup kernels may be used
    bool subgroup_size_required = false; // every subgroup kernel's pipeline must ask for subgroup_size
    MatrixUnit coopmat, coopmat2;        // without size: their kernels are not used on this device
    uint32_t max_invocations = 128;
    uint32_t max_group_size_x = 128;
    uint32_t max_group_count = 65535; // in each dimension
    uint32_t max_shared_bytes = 16384;
    uint32_t max_push_bytes = 128;
    uint32_t max_storage_buffers = 4;
    int64_t max_storage_range = int64_t(1) << 27; // bytes one binding may cover
    int64_t max_buffer_bytes = int64_t(1) << 30;
    double timestamp_ns = 0; // nanoseconds a tick of the queue's timestamps; 0: it has none
    uint64_t timestamp_mask = ~uint64_t(0); // their bits: 36 or more, then they wrap around
    bool compiles_late = false;             // its driver compiles pipelines when they are first dispatched (late_compilation.h)
    bool creation_feedback = false;         // the driver says whether a pipeline came out of a cache
    int64_t storage_alignment = 256; // of a binding's offset
    std::shared_ptr<KernelChoices> kernels; // what is decided about kernels; null: nothing

    // True when kernels with local size `lanes` compiled for that subgroup size run here.
    bool has_subgroup_kernels() const {
        return int64 && addresses && subgroup_size_reliable && (subgroup_size == 4 || subgroup_size == 8 || subgroup_size == 16);
    }
};

} // namespace lemnos
