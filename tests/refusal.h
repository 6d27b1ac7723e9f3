// The expectation of an Error with a code and a whole sentence.
#pragma once

#include "support/error.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace lemnos::test {

// The action throws an Error with this code; its sentence ends like one and holds each of the parts.
template <typename Action>
void expect_refusal(ErrorCode code, std::initializer_list<std::string> parts, Action&& action) {
    try {
        action();
        ADD_FAILURE() << "no Error was thrown";
    } catch (const Error& error) {
        const std::string sentence = error.what();
        EXPECT_EQ(int(error.code()), int(code)) << sentence;
        EXPECT_TRUE(sentence.ends_with(".") || sentence.ends_with("?")) << sentence;
        for (const std::string& part : parts)
            EXPECT_NE(sentence.find(part), std::string::npos) << "\"" << part << "\" is not in: " << sentence;
    }
}

} // namespace lemnos::test
