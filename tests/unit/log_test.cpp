// The log: which topics a list names, and what a line looks like.
#include "support/log.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <vector>

namespace lemnos::test {

TEST(LogTopics, AreReadFromAList) {
    EXPECT_EQ(Log::parse_topics(""), 0u);
    EXPECT_EQ(Log::parse_topics("error"), uint32_t(Log::error));
    EXPECT_EQ(Log::parse_topics("plan,pipeline"), uint32_t(Log::plan | Log::pipeline));
    EXPECT_EQ(Log::parse_topics("plan,plan,"), uint32_t(Log::plan));
    EXPECT_EQ(Log::parse_topics(",,run,"), uint32_t(Log::run));
    EXPECT_EQ(Log::parse_topics("nonsense,memory"), uint32_t(Log::memory));
    EXPECT_EQ(Log::parse_topics("Plan"), 0u);
    EXPECT_EQ(Log::parse_topics("all"),
              uint32_t(Log::error | Log::plan | Log::run | Log::memory | Log::pipeline | Log::validation | Log::warning));
}

TEST(LogTopics, AreWarningsWhereNothingIsAskedFor) {
    unsetenv("LEMNOS_VERBOSE");
    EXPECT_EQ(Log::environment_topics(), uint32_t(Log::warning));
    setenv("LEMNOS_VERBOSE", "", 1);
    EXPECT_EQ(Log::environment_topics(), 0u);
    setenv("LEMNOS_VERBOSE", "plan", 1);
    EXPECT_EQ(Log::environment_topics(), uint32_t(Log::plan));
    unsetenv("LEMNOS_VERBOSE");
}

TEST(LogLines, BeginWithTheFormatAndTheTopic) {
    std::vector<std::string> lines;
    const Log log(Log::plan | Log::memory, [&](std::string_view line) { lines.emplace_back(line); });
    log.line(Log::plan, "step,", 3, ",", 0.5);
    log.line(Log::memory, "buffer");
    log.line(Log::error, "not asked for");
    EXPECT_EQ(lines, (std::vector<std::string>{"lemnos,1,plan,step,3,0.5", "lemnos,1,memory,buffer"}));
    EXPECT_TRUE(log.wants(Log::plan));
    EXPECT_FALSE(log.wants(Log::run));
}

TEST(LogLines, AreOneLineWhateverIsInThem) {
    std::vector<std::string> lines;
    const Log log(Log::validation, [&](std::string_view line) { lines.emplace_back(line); });
    log.line(Log::validation, "two\nlines\r\n");
    EXPECT_EQ(lines, (std::vector<std::string>{"lemnos,1,validation,two lines  "}));
    EXPECT_EQ(Log::field("conv, the first\none"), "conv  the first one");
}

TEST(LogLines, NeverFail) {
    const Log log(Log::error, [](std::string_view) { throw std::runtime_error("the host's sink is broken"); });
    EXPECT_NO_THROW(log.line(Log::error, "text"));
}

} // namespace lemnos::test
