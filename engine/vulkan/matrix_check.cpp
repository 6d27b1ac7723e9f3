// The start-up check of the matrix units: drivers are known that announce cooperative matrices and compute them wrongly or not
// at all. All numbers are multiples of 1/8 so small that f16 and f32 hold every product and sum exactly, so results are compared
// as bits.
#include "shaders/conv2d_direct.h"
#include "shaders/conv2d_filter_gradient.h"
#include "support/checked.h"
#include "vulkan/buffer.h"
#include "vulkan/commands.h"
#include "vulkan/matrix_units.h"
#include "vulkan/pipeline.h"

#include <cstring>

namespace lemnos {

namespace {

float left(int64_t i) { return float((i * 7) % 13 - 6) / 8; }
float right(int64_t i) { return float((i * 5) % 11 - 5) / 8; }

// The bits of a multiple of 1/64 below 32 that f16 holds.
uint16_t half_bits(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return value == 0 ? 0 : uint16_t((bits >> 16 & 0x8000) | (((bits >> 23 & 255) - 112) << 10) | (bits >> 13 & 1023));
}

std::vector<uint16_t> halves(int64_t count, float (*number)(int64_t)) {
    std::vector<uint16_t> bits(size_t(count), 0);
    for (int64_t i = 0; i < count; ++i) bits[size_t(i)] = half_bits(number(i));
    return bits;
}

std::vector<float> floats(int64_t count, float (*number)(int64_t)) {
    std::vector<float> values(size_t(count), 0);
    for (int64_t i = 0; i < count; ++i) values[size_t(i)] = number(i);
    return values;
}

// Runs one dispatch and frees what it took.
class Dispatch {
  public:
    explicit Dispatch(std::shared_ptr<Device> device) : device_(std::move(device)), pool_(*device_) {}
    ~Dispatch() {
        if (descriptors_) device_->functions().vkDestroyDescriptorPool(device_->handle(), descriptors_, nullptr);
    }
    Dispatch(const Dispatch&) = delete;
    Dispatch& operator=(const Dispatch&) = delete;

    template <typename Number>
    std::shared_ptr<Buffer> buffer(const std::vector<Number>& values) {
        const int64_t bytes = int64_t(values.size() * sizeof(Number));
        auto buffer = Buffer::create(device_, BufferKind::device, round_up(bytes, 4), "matrix check");
        device_->write(*buffer, 0, values.data(), bytes);
        return buffer;
    }

    template <typename Params>
    void run(const MatrixTile& tile, const char* shader, std::vector<uint32_t> more, const std::vector<std::shared_ptr<Buffer>>& buffers,
             const Params& params, std::array<uint32_t, 3> groups) {
        static_assert(sizeof(Params) <= 128);
        PipelineKey key{tile.shader(shader), tile.specialisation(), uint32_t(buffers.size()), 0};
        key.specialisation.insert(key.specialisation.end(), more.begin(), more.end());
        if (device_->profile().subgroup_size_required) key.subgroup_size = device_->profile().subgroup_size;
        const Pipeline& pipeline = device_->pipelines().get(key);
        const VkDescriptorSet set = describe(pipeline, buffers);
        const VkCommandBuffer commands = pool_.allocate();
        CommandRecorder recorder(*device_, commands, false);
        recorder.dispatch(pipeline, set, &params, sizeof params, groups.data());
        recorder.finish();
        device_->wait(device_->submit({&commands, 1}, "the check of the matrix units"));
    }

  private:
    VkDescriptorSet describe(const Pipeline& pipeline, const std::vector<std::shared_ptr<Buffer>>& buffers) {
        const VkDescriptorPoolSize size{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, uint32_t(buffers.size())};
        VkDescriptorPoolCreateInfo pool{VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
        pool.maxSets = 1;
        pool.poolSizeCount = 1;
        pool.pPoolSizes = &size;
        check(device_->functions().vkCreateDescriptorPool(device_->handle(), &pool, nullptr, &descriptors_), "creating a descriptor pool");
        VkDescriptorSetAllocateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO};
        info.descriptorPool = descriptors_;
        info.descriptorSetCount = 1;
        info.pSetLayouts = &pipeline.set_layout;
        VkDescriptorSet set = VK_NULL_HANDLE;
        check(device_->functions().vkAllocateDescriptorSets(device_->handle(), &info, &set), "allocating a descriptor set");
        for (uint32_t i = 0; i < buffers.size(); ++i) {
            const VkDescriptorBufferInfo range{buffers[i]->handle(), 0, VK_WHOLE_SIZE};
            VkWriteDescriptorSet write{VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET};
            write.dstSet = set;
            write.dstBinding = i;
            write.descriptorCount = 1;
            write.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
            write.pBufferInfo = &range;
            device_->functions().vkUpdateDescriptorSets(device_->handle(), 1, &write, 0, nullptr);
        }
        return set;
    }

    std::shared_ptr<Device> device_;
    CommandPool pool_;
    VkDescriptorPool descriptors_ = VK_NULL_HANDLE;
};

constexpr int64_t inner = 40; // more than one step, and not a multiple of one

std::string wrong(const MatrixTile& tile, const char* what, int64_t row, int64_t column, double is, double should) {
    return text("its ", what, " of ", tile.rows(), " x ", tile.columns(), " has ", is, " in row ", row, ", column ", column, " (", should,
                " is right)");
}

double product(int64_t row, int64_t column, int64_t columns) {
    double sum = 0;
    for (int64_t k = 0; k < inner; ++k) sum += double(left(row * inner + k)) * right(k * columns + column);
    return sum;
}

// rows x inner times inner x columns, as a convolution of one row of pixels.
std::string check_product(const std::shared_ptr<Device>& device, const MatrixTile& tile) {
    const int64_t rows = tile.rows() + 3, columns = tile.columns() + 8;
    Dispatch dispatch(device);
    const auto x = dispatch.buffer(halves(rows * inner, left));
    const auto w = dispatch.buffer(floats(inner * columns, right)), none = dispatch.buffer(std::vector<float>(4));
    std::vector<uint16_t> results(size_t(rows * columns), 0xffff);
    const auto y = dispatch.buffer(results);
    shader::Conv2dDirectParams p{};
    p.rows = p.grid_width = p.in_width = p.out_width = uint32_t(rows);
    p.grid_height = p.in_height = p.out_height = 1;
    p.in_channels = p.inner = uint32_t(inner);
    p.columns = p.out_channels = uint32_t(columns);
    p.column_tiles = 2;
    p.taps_y = p.taps_x = 1;
    p.stride_y = p.stride_x = p.step_y = p.step_x = 1;
    p.filter_step_y = p.filter_step_x = p.out_step_y = p.out_step_x = 1;
    dispatch.run(tile, "conv2d_matrix", {0, 0, 0, 0, 1, 1}, {x, w, none, none, y}, p, {2, 2, 1});
    device->read(*y, 0, results.data(), int64_t(results.size() * 2));
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column) {
            const double should = product(row, column, columns);
            const uint16_t bits = results[size_t(row * columns + column)];
            if (bits != half_bits(float(should)) && !(should == 0 && bits == 0x8000))
                return wrong(tile, "product", row, column, bits, half_bits(float(should)));
        }
    return {};
}

// The same with the left matrix given by columns: the filter's gradient of a 1 x 1 convolution, x being inner x rows.
std::string check_transposed(const std::shared_ptr<Device>& device, const MatrixTile& tile) {
    const int64_t rows = tile.rows() + 8, columns = tile.columns() + 8;
    Dispatch dispatch(device);
    std::vector<uint16_t> given(size_t(inner * rows), 0);
    for (int64_t k = 0; k < inner; ++k)
        for (int64_t row = 0; row < rows; ++row) given[size_t(k * rows + row)] = half_bits(left(row * inner + k));
    const auto x = dispatch.buffer(given), dy = dispatch.buffer(halves(inner * columns, right));
    std::vector<float> results(size_t(rows * columns), -1);
    const auto partial = dispatch.buffer(results);
    shader::Conv2dFilterGradientParams p{};
    p.rows = p.split_rows = p.out_width = p.in_width = uint32_t(inner);
    p.splits = p.out_height = p.in_height = p.kernel_width = 1;
    p.in_channels = p.inner = p.filter_rows = uint32_t(rows);
    p.columns = p.out_channels = uint32_t(columns);
    p.column_tiles = 2;
    p.stride_y = p.stride_x = p.dilation_y = p.dilation_x = 1;
    dispatch.run(tile, "conv2d_filter_gradient_matrix", {1, 1}, {x, dy, partial}, p, {2, 2, 1});
    device->read(*partial, 0, results.data(), int64_t(results.size() * 4));
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column) {
            const double should = product(row, column, columns), is = results[size_t(row * columns + column)];
            if (is != should) return wrong(tile, "transposed product", row, column, is, should);
        }
    return {};
}

} // namespace

std::string check_matrix_units(const std::shared_ptr<Device>& device, MatrixFamily family) {
    const std::vector<MatrixTile> tiles = matrix_tiles(device->profile(), family);
    if (tiles.empty()) return "no tile of theirs fits the device's limits";
    try {
        for (const MatrixTile& tile : {tiles.front(), tiles.back()}) {
            std::string complaint = check_product(device, tile);
            if (complaint.empty()) complaint = check_transposed(device, tile);
            if (!complaint.empty() || tiles.size() == 1) return complaint;
        }
        return {};
    } catch (const Error& error) {
        if (error.code() == ErrorCode::device_lost) throw;
        return error.what();
    }
}

} // namespace lemnos
