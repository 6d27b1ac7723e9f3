#include "progress.h"

#include "terminal.h"
#include "text.h"

#include <algorithm>
#include <vector>

namespace lemnos::cli {

static constexpr std::chrono::milliseconds bar_interval(100), line_interval(10000);
static constexpr int least_bar = 8, largest_bar = 40;

Progress::Progress(std::FILE* lines) : lines_(lines), bar_(is_terminal(Stream::error)), utf8_(speaks_utf8()) {
    if (!bar_) shown_ = clock::now(); // the first line comes after one interval
}

bool Progress::due() const { return clock::now() - shown_ >= (bar_ ? bar_interval : line_interval); }

void Progress::draw(const std::string& text) {
    std::fprintf(stderr, "\r%s\033[K", text.c_str());
    std::fflush(stderr);
    drawn_ = true;
}

void Progress::show(const TrainingState& state) {
    shown_ = clock::now();
    if (bar_)
        draw(bar_text(state, terminal_width(Stream::error, 80) - 1, utf8_));
    else
        line(line_text(state));
}

void Progress::doing(const std::string& what) {
    if (bar_) draw(shortened(what, terminal_width(Stream::error, 80) - 1));
}

void Progress::clear() {
    if (!drawn_) return;
    std::fputs("\r\033[K", stderr);
    std::fflush(stderr);
    drawn_ = false;
}

void Progress::line(const std::string& text) {
    clear();
    std::fprintf(lines_, "%s\n", text.c_str());
    std::fflush(lines_);
}

// ---- texts ------------------------------------------------------------------------------------------------

static std::string place(const TrainingState& state) {
    return "epoch " + std::to_string(state.epoch + 1) + "/" + std::to_string(state.epochs);
}

// Eighths of a column where the terminal can show them.
static std::string bar(double fraction, int width, bool utf8) {
    if (!utf8) {
        const int full = int(fraction * width);
        return "[" + std::string(size_t(full), '#') + std::string(size_t(width - full), '.') + "]";
    }
    constexpr const char* parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const int eighths = int(fraction * width * 8);
    std::string text = "▕";
    for (int i = 0; i < eighths / 8; ++i) text += "█";
    const bool partial = eighths % 8 != 0;
    text += parts[eighths % 8];
    for (int i = eighths / 8 + partial; i < width; ++i) text += " ";
    return text + "▏";
}

std::string bar_text(const TrainingState& state, int width, bool utf8) {
    const double fraction =
        std::clamp(double(state.step) / double(std::max<int64_t>(state.steps, 1)), 0.0, 1.0);
    std::vector<std::string> fields{fixed(fraction * 100, 0) + " %"};
    if (state.images > 0) fields.push_back("loss " + fixed(state.loss, 4));
    if (state.images > 0 && state.accuracy >= 0) fields.push_back("accuracy " + percent(state.accuracy));
    if (state.images_per_second > 0) fields.push_back(fixed(state.images_per_second, 0) + " images/s");
    if (state.seconds_left >= 0) fields.push_back(duration(state.seconds_left) + " left");
    const auto joined = [&] {
        std::string text;
        for (const std::string& field : fields) text += "  " + field;
        return text;
    };
    // What does not fit is left out, the speed first; the bar takes the room that is left.
    const std::string head = place(state);
    while (fields.size() > 1 && columns_of(head + joined()) > width)
        fields.erase(fields.end() - (fields.size() > 4 ? 2 : 1));
    const int room = width - columns_of(head + joined()) - 4;
    const std::string middle =
        room >= least_bar ? "  " + bar(fraction, std::min(room, largest_bar), utf8) : "";
    return shortened(head + middle + joined(), width);
}

std::string line_text(const TrainingState& state) {
    std::string text =
        place(state) + "  step " + std::to_string(state.step) + "/" + std::to_string(state.steps);
    if (state.images > 0) text += "  loss " + fixed(state.loss, 4);
    if (state.images > 0 && state.accuracy >= 0) text += "  accuracy " + percent(state.accuracy, 2);
    if (state.images_per_second > 0) text += "  " + fixed(state.images_per_second, 0) + " images/s";
    if (state.seconds_left >= 0 && state.step < state.steps)
        text += "  " + duration(state.seconds_left) + " left";
    return text;
}

} // namespace lemnos::cli
