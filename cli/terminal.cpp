#include "terminal.h"

#include <csignal>
#include <cstdlib>
#include <string>

#include <sys/ioctl.h>
#include <unistd.h>

namespace lemnos::cli {

static int descriptor(Stream stream) { return stream == Stream::out ? STDOUT_FILENO : STDERR_FILENO; }

bool is_terminal(Stream stream) { return isatty(descriptor(stream)) == 1; }

int terminal_width(Stream stream, int otherwise) {
    struct winsize size {};
    return ioctl(descriptor(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : otherwise;
}

bool speaks_utf8() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
        if (const char* value = std::getenv(name); value && *value) {
            const std::string locale = value;
            return locale.find("UTF-8") != std::string::npos || locale.find("utf8") != std::string::npos;
        }
    return false;
}

// Signal handlers may touch nothing else.
static volatile std::sig_atomic_t stops = 0;

extern "C" void on_stop(int) {
    constexpr char first[] = "\nlemnos: Stopping; Ctrl-C again quits at once.\n", second[] = "\n";
    const char* message = stops ? second : first;
    [[maybe_unused]] const auto written =
        write(STDERR_FILENO, message, stops ? sizeof second - 1 : sizeof first - 1);
    if (stops) _exit(stopped_status);
    stops = 1;
}

void listen_for_stop() {
    struct sigaction action {};
    action.sa_handler = on_stop;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool stop_requested() { return stops != 0; }

} // namespace lemnos::cli
