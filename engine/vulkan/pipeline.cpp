#include "vulkan/pipeline.h"

#include "support/file.h"
#include "support/side_by_side.h"
#include "vulkan/late_compilation.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <zlib.h>

namespace lemnos {

static constexpr uint32_t cache_magic = 0x434d454c; // "LEMC"
static constexpr uint32_t cache_version = 2;
static constexpr int64_t largest_cache_file = int64_t(1) << 30;

struct CacheHeader {
    uint32_t magic = cache_magic;
    uint32_t version = cache_version;
    uint32_t vendor = 0, device = 0, driver = 0, reserved = 0;
    char uuid[32] = {};
    char shaders[16] = {};
    uint64_t bytes = 0;
    uint64_t checksum = 0;
};

static uint64_t checksum(const void* data, size_t bytes) {
    return crc32_z(0, static_cast<const Bytef*>(data), bytes);
}

static CacheHeader header_for(const DeviceInfo& info) {
    CacheHeader header;
    header.vendor = info.vendor_id;
    header.device = info.device_id;
    header.driver = info.driver_version;
    std::memcpy(header.uuid, info.uuid.data(), std::min(info.uuid.size(), sizeof header.uuid));
    std::memcpy(header.shaders, shader_set_hash(), std::min(std::strlen(shader_set_hash()), sizeof header.shaders));
    return header;
}

std::string PipelineKey::text() const {
    std::string constants;
    for (uint32_t constant : specialisation) constants += lemnos::text(constants.empty() ? "" : " ", constant);
    return lemnos::text(shader, ",specialisation,", constants.empty() ? "-" : constants);
}

PipelineCache::PipelineCache(Device& device, bool on_disk) : device_(device), on_disk_(on_disk) {
    VkPipelineCacheCreateInfo info{VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    check(device.functions().vkCreatePipelineCache(device.handle(), &info, nullptr, &cache_),
          "creating a pipeline cache");
    if (on_disk_) read_file_cache();
}

void PipelineCache::read_file_cache() {
    try {
        const std::string path = file_path();
        if (path.empty()) return;
        const std::vector<uint8_t> saved = read_file(path, largest_cache_file);
        const bool used = load(std::as_bytes(std::span(saved)));
        device_.log().line(Log::pipeline, "cache,", used ? "loaded," : "ignored,", saved.size());
    } catch (const std::exception& error) { // no cache yet, or one that cannot be read: pipelines are made anew
        device_.log().line(Log::pipeline, "cache,absent,", error.what());
    }
}

PipelineCache::~PipelineCache() { close(); }

void PipelineCache::close() noexcept {
    const DeviceFunctions& functions = device_.functions();
    for (auto& [key, pipeline] : pipelines_) functions.vkDestroyPipeline(device_.handle(), pipeline.handle, nullptr);
    for (auto& [buffers, layout] : layouts_) {
        functions.vkDestroyPipelineLayout(device_.handle(), layout.pipeline, nullptr);
        functions.vkDestroyDescriptorSetLayout(device_.handle(), layout.set, nullptr);
    }
    if (cache_) functions.vkDestroyPipelineCache(device_.handle(), std::exchange(cache_, VK_NULL_HANDLE), nullptr);
    pipelines_.clear();
    layouts_.clear();
}

const PipelineCache::Layout& PipelineCache::layout(uint32_t buffers) {
    Layout& layout = layouts_[buffers];
    if (layout.pipeline) return layout;
    std::vector<VkDescriptorSetLayoutBinding> bindings(buffers);
    for (uint32_t i = 0; i < buffers; ++i)
        bindings[i] = {i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, nullptr};
    VkDescriptorSetLayoutCreateInfo set{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO};
    set.bindingCount = buffers;
    set.pBindings = bindings.data();
    if (!layout.set) // it is there where only the second step failed
        check(device_.functions().vkCreateDescriptorSetLayout(device_.handle(), &set, nullptr, &layout.set),
              "creating a descriptor set layout");
    const VkPushConstantRange push{VK_SHADER_STAGE_COMPUTE_BIT, 0,
                                   device_.profile().addresses ? addressed_push_bytes : most_parameter_bytes};
    VkPipelineLayoutCreateInfo info{VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
    info.setLayoutCount = 1;
    info.pSetLayouts = &layout.set;
    info.pushConstantRangeCount = 1;
    info.pPushConstantRanges = &push;
    check(device_.functions().vkCreatePipelineLayout(device_.handle(), &info, nullptr, &layout.pipeline),
          "creating a pipeline layout");
    return layout;
}

const Pipeline& PipelineCache::get(const PipelineKey& key) {
    const Device::KeepOpen open(device_);
    const std::lock_guard lock(mutex_);
    const auto found = pipelines_.find(key);
    if (found != pipelines_.end()) return found->second;
    Pipeline& pipeline = add(key);
    try {
        const Created created = create(key, pipeline.layout);
        pipeline.handle = created.handle;
        note(key, created);
    } catch (...) {
        if (!pipeline.handle) pipelines_.erase(key);
        throw;
    }
    return pipeline;
}

void PipelineCache::prepare(std::span<const PipelineKey> keys, bool compiles) {
    const Device::KeepOpen open(device_);
    std::vector<PipelineKey> longest_first; // so that all processors end at about the same time
    {
        const std::lock_guard lock(mutex_);
        make_missing(keys);
        if (!compiles) return;
        std::sort(uncompiled_.rbegin(), uncompiled_.rend());
        for (auto& [milliseconds, key] : uncompiled_) longest_first.push_back(std::move(key));
        uncompiled_.clear();
    }
    compile_late(device_, longest_first);
}

void PipelineCache::make_missing(std::span<const PipelineKey> keys) {
    std::vector<PipelineKey> missing;
    for (const PipelineKey& key : keys)
        if (!pipelines_.count(key) && std::find(missing.begin(), missing.end(), key) == missing.end()) missing.push_back(key);
    std::vector<Pipeline*> pipelines(missing.size());
    std::vector<Created> created(missing.size());
    const auto forget_failures = [this](const void*) { std::erase_if(pipelines_, [](const auto& entry) { return !entry.second.handle; }); };
    const std::unique_ptr<const void, decltype(forget_failures)> forgotten(this, forget_failures);
    for (size_t i = 0; i < missing.size(); ++i) pipelines[i] = &add(missing[i]);
    side_by_side(missing.size(), [&](size_t i) {
        try {
            created[i] = create(missing[i], pipelines[i]->layout);
            pipelines[i]->handle = created[i].handle;
        } catch (const std::exception&) { // get() will say it
        }
    });
    for (size_t i = 0; i < missing.size(); ++i)
        if (created[i].handle) {
            note(missing[i], created[i]);
            if (device_.profile().compiles_late) uncompiled_.emplace_back(created[i].milliseconds, missing[i]);
        }
}

Pipeline& PipelineCache::add(const PipelineKey& key) {
    const Layout& used = layout(key.buffers);
    return pipelines_.emplace(key, Pipeline{VK_NULL_HANDLE, used.pipeline, used.set}).first->second;
}

void PipelineCache::note(const PipelineKey& key, const Created& created) {
    changed_ = true;
    ++device_.counters().pipelines;
    device_.set_name(VK_OBJECT_TYPE_PIPELINE, uint64_t(created.handle), key.shader.c_str());
    if (!device_.log().wants(Log::pipeline)) return;
    device_.log().line(Log::pipeline, "create,", key.text(), ",subgroup,", key.subgroup_size, ",milliseconds,", created.milliseconds,
                       ",cache,", created.cache, ",buffers,", key.buffers);
}

PipelineCache::Created PipelineCache::create(const PipelineKey& key, VkPipelineLayout layout) const {
    const auto start = std::chrono::steady_clock::now();
    const ShaderCode& code = find_shader(key.shader);
    std::vector<VkSpecializationMapEntry> entries(key.specialisation.size());
    for (uint32_t i = 0; i < entries.size(); ++i) entries[i] = {i, i * 4, 4};
    VkShaderModuleCreateInfo module_info{VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
    module_info.codeSize = size_t(code.word_count) * 4;
    module_info.pCode = code.words;
    VkShaderModule module = VK_NULL_HANDLE;
    check(device_.functions().vkCreateShaderModule(device_.handle(), &module_info, nullptr, &module),
          "creating a shader module");

    const VkSpecializationInfo specialisation{uint32_t(entries.size()), entries.data(), entries.size() * 4,
                                              key.specialisation.data()};
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup{
        VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO};
    subgroup.requiredSubgroupSize = key.subgroup_size;
    VkComputePipelineCreateInfo info{VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO};
    info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
    info.stage.pNext = key.subgroup_size ? &subgroup : nullptr;
    info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
    info.stage.module = module;
    info.stage.pName = "main";
    info.stage.pSpecializationInfo = &specialisation;
    info.layout = layout;
    VkPipelineCreationFeedback feedback{}, stage_feedback{};
    VkPipelineCreationFeedbackCreateInfo feedback_info{VK_STRUCTURE_TYPE_PIPELINE_CREATION_FEEDBACK_CREATE_INFO};
    feedback_info.pPipelineCreationFeedback = &feedback;
    feedback_info.pipelineStageCreationFeedbackCount = 1;
    feedback_info.pPipelineStageCreationFeedbacks = &stage_feedback;
    if (device_.profile().creation_feedback && device_.log().wants(Log::pipeline)) info.pNext = &feedback_info;
    VkPipeline pipeline = VK_NULL_HANDLE;
    const VkResult result =
        device_.functions().vkCreateComputePipelines(device_.handle(), cache_, 1, &info, nullptr, &pipeline);
    device_.functions().vkDestroyShaderModule(device_.handle(), module, nullptr);
    // A pipeline that fails is a shader the driver cannot compile; the device lives on.
    if (result != VK_SUCCESS)
        fail(error_code(result), "The driver of ", device_.info().name, " could not compile the shader ", key.shader, " (",
             result_name(result), ").");
    const bool known = (feedback.flags & VK_PIPELINE_CREATION_FEEDBACK_VALID_BIT) != 0;
    const bool hit = (feedback.flags & VK_PIPELINE_CREATION_FEEDBACK_APPLICATION_PIPELINE_CACHE_HIT_BIT) != 0;
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    return {pipeline, !known ? "unknown" : hit ? "hit" : "miss", took.count()};
}

std::vector<std::byte> PipelineCache::bytes() {
    const Device::KeepOpen open(device_);
    const std::lock_guard lock(mutex_);
    return locked_bytes();
}

std::vector<std::byte> PipelineCache::locked_bytes() const {
    size_t size = 0;
    check(device_.functions().vkGetPipelineCacheData(device_.handle(), cache_, &size, nullptr),
          "measuring the pipeline cache");
    std::vector<std::byte> out(sizeof(CacheHeader) + size);
    check(device_.functions().vkGetPipelineCacheData(device_.handle(), cache_, &size, out.data() + sizeof(CacheHeader)),
          "reading the pipeline cache");
    out.resize(sizeof(CacheHeader) + size);
    CacheHeader header = header_for(device_.info());
    header.bytes = size;
    header.checksum = checksum(out.data() + sizeof header, size);
    std::memcpy(out.data(), &header, sizeof header);
    return out;
}

bool PipelineCache::load(std::span<const std::byte> bytes) {
    if (bytes.size() < sizeof(CacheHeader)) return false;
    CacheHeader given;
    std::memcpy(&given, bytes.data(), sizeof given);
    CacheHeader expected = header_for(device_.info());
    expected.bytes = bytes.size() - sizeof given;
    expected.checksum = checksum(bytes.data() + sizeof given, size_t(expected.bytes));
    if (std::memcmp(&given, &expected, sizeof given) != 0) return false;
    VkPipelineCacheCreateInfo info{VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    info.initialDataSize = size_t(expected.bytes);
    info.pInitialData = bytes.data() + sizeof given;
    VkPipelineCache loaded = VK_NULL_HANDLE;
    const Device::KeepOpen open(device_);
    const std::lock_guard lock(mutex_);
    if (device_.functions().vkCreatePipelineCache(device_.handle(), &info, nullptr, &loaded) != VK_SUCCESS) return false;
    device_.functions().vkDestroyPipelineCache(device_.handle(), cache_, nullptr);
    cache_ = loaded;
    return true;
}

std::string PipelineCache::file_path() const {
    const std::string folder = user_cache_folder();
    return folder.empty() ? folder : text(folder, "/pipelines-", device_.info().uuid, "-", shader_set_hash(), ".bin");
}

void PipelineCache::save() noexcept {
    try {
        const std::lock_guard lock(mutex_);
        const std::string path = file_path();
        if (!on_disk_ || !changed_ || path.empty()) return;
        const std::vector<std::byte> data = locked_bytes();
        make_folders(user_cache_folder());
        write_atomically(path, [&](FileWriter& file) { file.write(data.data(), data.size()); });
        changed_ = false;
        device_.log().line(Log::pipeline, "cache,saved,", data.size());
    } catch (const std::exception& error) { // a full disk must not fail the caller's work
        device_.log().line(Log::pipeline, "cache,unsaved,", error.what());
    }
}

const ShaderCode& find_shader(const std::string& name) {
    const std::span<const ShaderCode> shaders = all_shaders();
    const auto found = std::lower_bound(shaders.begin(), shaders.end(), name, [](const ShaderCode& code, const std::string& key) {
        return std::strcmp(code.name, key.c_str()) < 0;
    });
    if (found == shaders.end() || name != found->name)
        fail(ErrorCode::internal, "The library holds no shader named ", name, ".");
    return *found;
}

} // namespace lemnos
