// The device's matrix units, as far as kernels use them: products of f16 matrices, summed in f32, through
// VK_KHR_cooperative_matrix and VK_NV_cooperative_matrix2. What the device offers, what of it is enabled, and how a product is
// cut for it. Whether its products are right is seen where kernels are checked (plan/kernel_check.h).
#pragma once

#include "vulkan/api.h"
#include "vulkan/profile.h"

#include <vector>

namespace lemnos {

struct DeviceInfo;

// Asks what a device offers, and holds what a device is created with. Not to be moved: Vulkan's structures point at each other.
class MatrixFeatures {
  public:
    MatrixFeatures(const InstanceFunctions& instance, VkInstance handle, const DeviceInfo& device, uint32_t api);
    MatrixFeatures(const MatrixFeatures&) = delete;
    MatrixFeatures& operator=(const MatrixFeatures&) = delete;

    const MatrixUnit& coopmat() const { return coopmat_; } // without size where the device lacks what the kernels need
    const MatrixUnit& coopmat2() const { return coopmat2_; }
    // For the creation of a device that uses these of them: the names of the extensions, and the features before `next`.
    std::vector<const char*> extensions(bool coopmat, bool coopmat2) const;
    void* chain(bool coopmat, bool coopmat2, void* next);

  private:
    void list(const InstanceFunctions& instance, VkInstance handle, const DeviceInfo& device);
    void list_flexible(const InstanceFunctions& instance, VkInstance handle, const DeviceInfo& device);
    MatrixUnit coopmat_, coopmat2_;
    VkPhysicalDeviceShaderFloat16Int8Features halves_{};
    VkPhysicalDeviceVulkanMemoryModelFeatures memory_model_{};
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrices_{};
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV matrices2_{};
};

// How a workgroup cuts a product: the specialisation of shaders/include/matrix_tile.glsl.
struct MatrixTile {
    uint32_t variant; // the shader's MATRIX
    uint32_t lanes;   // of a subgroup, or of the workgroup where that owns a matrix
    uint32_t unit_rows, unit_columns, unit_step;
    uint32_t subgroup_rows, subgroup_columns;
    uint32_t block_rows, block_columns;
    uint32_t step;

    uint32_t rows() const { return subgroup_rows * block_rows * unit_rows; }
    uint32_t columns() const { return subgroup_columns * block_columns * unit_columns; }
    uint32_t threads() const { return lanes * subgroup_rows * subgroup_columns; }
    uint32_t shared_bytes() const; // of the greediest of the shaders
    std::vector<uint32_t> specialisation() const; // constants 0 to 9
    // The shader's name: of conv2d_matrix, conv2d_filter_gradient_matrix.
    std::string shader(const char* name) const;
};

enum class MatrixFamily { coopmat, coopmat2 };
const char* name_of(MatrixFamily family); // as in LEMNOS_KERNELS
// All cuts that the device can run, the largest first; none where it lacks the family.
std::vector<MatrixTile> matrix_tiles(const DeviceProfile& profile, MatrixFamily family);

} // namespace lemnos
