// How products are cut for matrix units, on the profiles of devices that are not here.
#include "vulkan/matrix_units.h"

#include <gtest/gtest.h>

namespace lemnos::test {

static DeviceProfile gpu(uint32_t subgroup, MatrixUnit unit, uint32_t shared = 48 * 1024) {
    DeviceProfile profile;
    profile.subgroup_size = subgroup;
    profile.coopmat = unit;
    profile.max_invocations = profile.max_group_size_x = 1024;
    profile.max_shared_bytes = shared;
    return profile;
}

static void expect_runnable(const DeviceProfile& profile, MatrixFamily family, uint32_t largest) {
    const MatrixUnit& unit = family == MatrixFamily::coopmat ? profile.coopmat : profile.coopmat2;
    const std::vector<MatrixTile> tiles = matrix_tiles(profile, family);
    ASSERT_FALSE(tiles.empty());
    EXPECT_EQ(tiles.front().rows(), largest);
    EXPECT_LE(tiles.back().rows() * tiles.back().columns(), 32u * 32u); // little work finds a little tile
    for (const MatrixTile& tile : tiles) {
        SCOPED_TRACE(text(tile.rows(), " x ", tile.columns()));
        EXPECT_LE(tile.threads(), profile.max_invocations);
        EXPECT_LE(tile.shared_bytes() + unit.reserved_shared_bytes, profile.max_shared_bytes);
        EXPECT_EQ(tile.unit_rows % unit.rows + tile.unit_columns % unit.columns + tile.unit_step % unit.step, 0u);
        EXPECT_EQ(tile.step % tile.unit_step, 0u);
        for (uint32_t chunks : {tile.rows() * tile.step / 8, tile.columns() * tile.step / 8}) EXPECT_EQ(chunks % tile.threads(), 0u);
        for (uint32_t parts : {tile.rows() / 8, tile.columns() / 8, tile.step / 8}) EXPECT_EQ(tile.threads() % parts, 0u);
        EXPECT_EQ(tile.specialisation()[0], tile.threads());
    }
}

TEST(MatrixTiles, OfKnownGpus) {
    expect_runnable(gpu(32, {16, 16, 16}), MatrixFamily::coopmat, 128);            // NVIDIA, AMD with subgroups of 32
    expect_runnable(gpu(64, {16, 16, 16}, 64 * 1024), MatrixFamily::coopmat, 128); // AMD
    expect_runnable(gpu(16, {8, 16, 16}, 64 * 1024), MatrixFamily::coopmat, 128);  // Intel Xe2
    DeviceProfile software = gpu(8, {8, 8, 8}, 32 * 1024);
    software.is_cpu = true;
    expect_runnable(software, MatrixFamily::coopmat, 32);
}

TEST(MatrixTiles, OfFlexibleMatrices) {
    DeviceProfile profile = gpu(32, {});
    profile.coopmat2 = {16, 16, 16, 256};
    expect_runnable(profile, MatrixFamily::coopmat2, 128);
    for (const MatrixTile& tile : matrix_tiles(profile, MatrixFamily::coopmat2)) EXPECT_EQ(tile.shader("x"), "x.2");
    profile.coopmat2 = {32, 32, 16, 256, 128, 4096}; // one matrix a workgroup of 128
    expect_runnable(profile, MatrixFamily::coopmat2, 128);
    for (const MatrixTile& tile : matrix_tiles(profile, MatrixFamily::coopmat2)) {
        EXPECT_EQ(tile.shader("x"), "x.3");
        EXPECT_EQ(tile.threads(), 128u);
        EXPECT_EQ(tile.block_rows * tile.block_columns, 1u);
    }
    EXPECT_TRUE(matrix_tiles(profile, MatrixFamily::coopmat).empty());
}

TEST(MatrixTiles, KeepToSmallLimits) {
    DeviceProfile profile = gpu(8, {8, 8, 8}, 16 * 1024);
    profile.max_invocations = profile.max_group_size_x = 128;
    for (const MatrixTile& tile : matrix_tiles(profile, MatrixFamily::coopmat)) {
        EXPECT_LE(tile.shared_bytes(), 16u * 1024);
        EXPECT_LE(tile.threads(), 128u);
    }
    profile.max_shared_bytes = 256;
    EXPECT_TRUE(matrix_tiles(profile, MatrixFamily::coopmat).empty());
}

} // namespace lemnos::test
