// What tests of pictures with boxes share.
#pragma once

#include "data/dataset.h"
#include "scratch.h"

#include <memory>
#include <string>
#include <vector>

namespace lemnos::test {

inline Bytes flat_png(uint8_t value, int height, int width) {
    return encode_png({height, width, 3, Bytes(size_t(height * width * 3), value)});
}

// A PNG whose head is right and whose content is cut.
inline Bytes cut_png(int height, int width) {
    Bytes bytes = flat_png(7, height, width);
    bytes.resize(bytes.size() - 10);
    return bytes;
}

// The action fails with exactly this sentence.
template <typename Action>
void expect_sentence(ErrorCode code, const std::string& sentence, Action&& action) {
    try {
        action();
        ADD_FAILURE() << "no Error was thrown; expected: " << sentence;
    } catch (const Error& error) {
        EXPECT_EQ(int(error.code()), int(code)) << error.what();
        EXPECT_EQ(std::string(error.what()), sentence);
    }
}

struct Content {
    Bytes pixels;
    std::vector<Box> boxes;
    bool operator==(const Content&) const = default;
};

inline Content content(const Dataset& dataset, int64_t index, const Draw* draw = nullptr) {
    Content content{Bytes(size_t(dataset.shape().bytes())),
                    std::vector<Box>(size_t(dataset.most_boxes()), {9})};
    dataset.read_boxes(index, draw, content.pixels.data(), content.boxes);
    return content;
}

inline int64_t count_boxes(const Dataset& dataset) {
    int64_t count = 0;
    for (int64_t i = 0; i < dataset.size(); ++i) count += int64_t(dataset.boxes(i).size());
    return count;
}

} // namespace lemnos::test
