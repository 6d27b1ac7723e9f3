#include "vulkan/matrix_units.h"

#include "vulkan/instance.h"

#include <algorithm>
#include <cstring>

namespace lemnos {

// ---- what the device offers -----------------------------------------------------------------------------------------

static bool has_extension(const std::vector<VkExtensionProperties>& offered, const char* name) {
    return std::any_of(offered.begin(), offered.end(),
                       [&](const VkExtensionProperties& extension) { return std::strcmp(extension.extensionName, name) == 0; });
}

MatrixFeatures::MatrixFeatures(const InstanceFunctions& instance, VkInstance handle, const DeviceInfo& device, uint32_t api) {
    if (api < VK_API_VERSION_1_3) return; // their shaders are compiled for it
    uint32_t count = 0;
    check(instance.vkEnumerateDeviceExtensionProperties(device.handle, nullptr, &count, nullptr), "counting a device's extensions");
    std::vector<VkExtensionProperties> offered(count);
    check(instance.vkEnumerateDeviceExtensionProperties(device.handle, nullptr, &count, offered.data()),
          "listing a device's extensions");
    offered.resize(count);
    if (!has_extension(offered, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME)) return;
    const bool second = has_extension(offered, VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME);

    VkPhysicalDevice16BitStorageFeatures storage{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES};
    VkPhysicalDeviceFeatures2 features{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, chain(true, second, &storage), {}};
    instance.vkGetPhysicalDeviceFeatures2(device.handle, &features);
    if (!halves_.shaderFloat16 || !memory_model_.vulkanMemoryModel || !matrices_.cooperativeMatrix || !storage.storageBuffer16BitAccess)
        return;
    list(instance, handle, device);
    const bool workgroup = matrices2_.cooperativeMatrixWorkgroupScope != 0;
    if (second && matrices2_.cooperativeMatrixFlexibleDimensions && matrices2_.cooperativeMatrixPerElementOperations)
        list_flexible(instance, handle, device);

    // A device is created with what the kernels use, and no more.
    halves_ = {};
    memory_model_ = {};
    matrices_ = {};
    matrices2_ = {};
    halves_.shaderFloat16 = memory_model_.vulkanMemoryModel = matrices_.cooperativeMatrix = VK_TRUE;
    matrices2_.cooperativeMatrixFlexibleDimensions = matrices2_.cooperativeMatrixPerElementOperations = VK_TRUE;
    matrices2_.cooperativeMatrixWorkgroupScope = workgroup;
}

// Whether a row of a list is of f16 factors and an f32 sum.
template <typename Properties>
static bool is_mixed(const Properties& p) {
    return p.AType == VK_COMPONENT_TYPE_FLOAT16_KHR && p.BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
           p.CType == VK_COMPONENT_TYPE_FLOAT32_KHR && p.ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR && !p.saturatingAccumulation;
}

// The list that an instance function of the form (device, count, rows) gives.
template <typename Properties, typename Function>
static std::vector<Properties> listed(Function function, VkPhysicalDevice device, VkStructureType type) {
    uint32_t count = 0;
    if (!function || function(device, &count, nullptr) != VK_SUCCESS) return {};
    std::vector<Properties> rows(count, Properties{type});
    if (function(device, &count, rows.data()) < 0) return {};
    rows.resize(count);
    return rows;
}

// The matrix with the most products. Kernels move eight halves at a time.
void MatrixFeatures::list(const InstanceFunctions& instance, VkInstance handle, const DeviceInfo& device) {
    const auto function = reinterpret_cast<PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR>(
        instance.vkGetInstanceProcAddr(handle, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR"));
    for (const auto& p : listed<VkCooperativeMatrixPropertiesKHR>(function, device.handle, VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR)) {
        if (!is_mixed(p) || p.scope != VK_SCOPE_SUBGROUP_KHR || p.MSize % 8 != 0 || p.NSize % 8 != 0 || p.KSize % 8 != 0) continue;
        const MatrixUnit unit{p.MSize, p.NSize, p.KSize};
        if (unit.products() > coopmat_.products()) coopmat_ = unit;
    }
}

// A matrix of a whole workgroup is preferred, where the device has it; then the larger workgroup.
void MatrixFeatures::list_flexible(const InstanceFunctions& instance, VkInstance handle, const DeviceInfo& device) {
    const auto function = reinterpret_cast<PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV>(
        instance.vkGetInstanceProcAddr(handle, "vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV"));
    VkPhysicalDeviceCooperativeMatrix2PropertiesNV limits{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_PROPERTIES_NV};
    VkPhysicalDeviceProperties2 properties{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, &limits, {}};
    instance.vkGetPhysicalDeviceProperties2(device.handle, &properties);
    for (const auto& p : listed<VkCooperativeMatrixFlexibleDimensionsPropertiesNV>(
             function, device.handle, VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV)) {
        const bool workgroup = p.scope == VK_SCOPE_WORKGROUP_KHR && matrices2_.cooperativeMatrixWorkgroupScope;
        if (!is_mixed(p) || (!workgroup && p.scope != VK_SCOPE_SUBGROUP_KHR)) continue;
        MatrixUnit unit{p.MGranularity, p.NGranularity, p.KGranularity};
        unit.largest = limits.cooperativeMatrixFlexibleDimensionsMaxDimension;
        if (workgroup) {
            unit.workgroup = p.workgroupInvocations;
            unit.reserved_shared_bytes = limits.cooperativeMatrixWorkgroupScopeReservedSharedMemory;
        }
        if (!coopmat2_ || unit.workgroup > coopmat2_.workgroup) coopmat2_ = unit;
    }
}

std::vector<const char*> MatrixFeatures::extensions(bool coopmat, bool coopmat2) const {
    std::vector<const char*> names;
    if (coopmat || coopmat2) names.push_back(VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME); // the second builds on the first
    if (coopmat2) names.push_back(VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME);
    return names;
}

void* MatrixFeatures::chain(bool coopmat, bool coopmat2, void* next) {
    if (!coopmat && !coopmat2) return next;
    halves_.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES;
    memory_model_.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES;
    matrices_.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR;
    matrices2_.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV;
    halves_.pNext = &memory_model_;
    memory_model_.pNext = &matrices_;
    matrices_.pNext = coopmat2 ? &matrices2_ : next;
    matrices2_.pNext = next;
    return &halves_;
}

// ---- how a product is cut -------------------------------------------------------------------------------------------

const char* name_of(MatrixFamily family) { return family == MatrixFamily::coopmat ? "coopmat" : "coopmat2"; }

uint32_t MatrixTile::shared_bytes() const {
    constexpr uint32_t chunk = 16; // bytes of eight halves
    const auto tile = [&](uint32_t lines, uint32_t halves) { return lines * (halves / 8 + 1) * chunk; };
    const uint32_t results = variant == 1 ? subgroup_rows * subgroup_columns * unit_rows * unit_columns * 4 : 0;
    return std::max(tile(rows(), step), tile(step, rows())) + tile(step, columns()) + results;
}

std::vector<uint32_t> MatrixTile::specialisation() const {
    return {threads(), lanes, unit_rows, unit_columns, unit_step, subgroup_rows, subgroup_columns, block_rows, block_columns, step};
}

std::string MatrixTile::shader(const char* name) const { return text(name, ".", variant); }

// Tiles of a workgroup and the subgroups over them, the largest first. A large tile reads less memory for each product, a small
// one leaves no unit idle where there is little to do.
struct MatrixCut {
    uint32_t rows, columns, subgroup_rows, subgroup_columns;
};
static constexpr MatrixCut cuts[] = {{128, 128, 4, 2}, {128, 64, 4, 2}, {64, 128, 2, 4}, {64, 64, 2, 2}, {128, 32, 4, 1},
                                     {32, 64, 1, 2},   {64, 32, 2, 1},  {32, 32, 2, 2},  {32, 32, 1, 2}, {32, 32, 1, 1},
                                     {16, 16, 2, 1},   {16, 16, 1, 1}};
static constexpr uint32_t steps[] = {32, 16};
// A CPU's driver unrolls every matrix into code for each element: larger ones take it minutes to compile.
static constexpr uint32_t largest_on_cpu = 32, step_on_cpu = 16;

static bool runs(const DeviceProfile& profile, const MatrixTile& tile, const MatrixUnit& unit) {
    const auto spread = [&](uint32_t lines, uint32_t halves) { // every invocation loads as much, of one part of each line
        return lines * (halves / 8) % tile.threads() == 0 && tile.threads() % (halves / 8) == 0;
    };
    return tile.threads() <= std::min(profile.max_invocations, profile.max_group_size_x) &&
           tile.shared_bytes() + unit.reserved_shared_bytes <= profile.max_shared_bytes && spread(tile.rows(), tile.step) &&
           spread(tile.step, tile.rows()) && spread(tile.step, tile.columns());
}

// The tile of a cut; block_rows 0: the unit does not divide it.
static MatrixTile tile_of(const DeviceProfile& profile, MatrixFamily family, const MatrixUnit& unit, MatrixCut cut, uint32_t step) {
    MatrixTile tile{};
    tile.step = step;
    tile.variant = family == MatrixFamily::coopmat ? 1 : unit.workgroup ? 3 : 2;
    tile.lanes = unit.workgroup ? unit.workgroup : profile.subgroup_size;
    tile.subgroup_rows = unit.workgroup ? 1 : cut.subgroup_rows;
    tile.subgroup_columns = unit.workgroup ? 1 : cut.subgroup_columns;
    const uint32_t own_rows = cut.rows / tile.subgroup_rows, own_columns = cut.columns / tile.subgroup_columns;
    if (own_rows % unit.rows != 0 || own_columns % unit.columns != 0 || step % unit.step != 0) return tile;
    if (family == MatrixFamily::coopmat) {
        tile.unit_rows = unit.rows;
        tile.unit_columns = unit.columns;
        tile.unit_step = unit.step;
        tile.block_rows = own_rows / unit.rows;
        tile.block_columns = own_columns / unit.columns;
    } else if (std::max(own_rows, own_columns) <= unit.largest) {
        tile.unit_rows = own_rows;
        tile.unit_columns = own_columns;
        tile.unit_step = step;
        tile.block_rows = tile.block_columns = 1;
    }
    return tile;
}

std::vector<MatrixTile> matrix_tiles(const DeviceProfile& profile, MatrixFamily family) {
    const MatrixUnit& unit = family == MatrixFamily::coopmat ? profile.coopmat : profile.coopmat2;
    std::vector<MatrixTile> tiles;
    if (!unit) return tiles;
    for (const MatrixCut& cut : cuts)
        for (uint32_t step : steps) {
            if (profile.is_cpu && (std::max(cut.rows, cut.columns) > largest_on_cpu || step > step_on_cpu)) continue;
            const MatrixTile tile = tile_of(profile, family, unit, cut, step);
            const bool known = !tiles.empty() && tiles.back().rows() == cut.rows && tiles.back().columns() == cut.columns;
            if (tile.block_rows > 0 && !known && runs(profile, tile, unit)) tiles.push_back(tile);
        }
    return tiles;
}

} // namespace lemnos
