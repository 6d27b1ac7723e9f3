// How a training goes: a bar on the terminal, redrawn in place, or plain lines where the output is no
// terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace lemnos::cli {

struct TrainingState {
    int64_t epoch = 0, epochs = 1; // from 0
    int64_t step = 0, steps = 1;   // finished, and in all
    int64_t images = 0;            // that loss and accuracy are known of
    double loss = 0, accuracy = -1; // a negative accuracy: there is none
    double images_per_second = 0;
    double seconds_left = -1; // negative: not known yet
};

class Progress {
  public:
    // Lines go to `lines`; the bar to standard error, if that is a terminal.
    explicit Progress(std::FILE* lines);
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    // True when it is time to show something again: ten times a second on a terminal, every ten seconds
    // elsewhere.
    bool due() const;
    void show(const TrainingState& state);
    // What is being done that takes a while and is no training step; shown on a terminal only.
    void doing(const std::string& what);
    // A line that stays, above the bar.
    void line(const std::string& text);
    // Takes the bar away.
    void clear();

  private:
    using clock = std::chrono::steady_clock;
    void draw(const std::string& text);

    std::FILE* lines_;
    bool bar_, utf8_;
    bool drawn_ = false;
    clock::time_point shown_{};
};

// The text of a bar of so many columns, and of a plain line.
std::string bar_text(const TrainingState& state, int width, bool utf8);
std::string line_text(const TrainingState& state);

} // namespace lemnos::cli
