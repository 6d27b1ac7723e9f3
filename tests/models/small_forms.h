// A form of every architecture that is small enough to be trained in a test.
#pragma once

#include "graph/attributes.h"

#include <map>
#include <string>

namespace lemnos::test {

// Options by name; grey images and two classes besides. Those that differ from another in depth alone have none.
inline const std::map<std::string, Attributes>& small_forms() {
    const auto number = [](int64_t value) { return AttributeValue(value); };
    static const std::map<std::string, Attributes> forms{
        {"mobilenet_v1", {{"width", 0.25}, {"resolution", number(64)}}},
        {"mobilenet_v2", {{"preset", std::string("small28")}, {"width", 0.1}, {"head", number(16)}}},
        {"resnet18", {{"resolution", number(64)}}},
        {"resnet50", {{"resolution", number(64)}}},
        {"resnet20_cifar", {{"resolution", number(8)}}},
        {"resnet56_cifar", {{"resolution", number(8)}}},
        {"wrn", {{"depth", number(10)}, {"width", number(1)}, {"resolution", number(16)}}},
        {"inception_v3", {{"resolution", number(128)}}},
        {"squeezenet1_1", {{"resolution", number(64)}}},
        {"ssdlite_mobilenet_v1", {{"width", 0.25}, {"resolution", number(96)}}},
        {"ssdlite_mobilenet_v2", {{"width", 0.25}, {"resolution", number(96)}}},
        {"yolov2", {{"resolution", number(64)}}}};
    return forms;
}

} // namespace lemnos::test
