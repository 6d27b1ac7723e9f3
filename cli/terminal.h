// The terminal and the signals: the only part of this program that calls the operating system itself.
#pragma once

namespace lemnos::cli {

enum class Stream { out, error };

bool is_terminal(Stream stream);
int terminal_width(Stream stream, int otherwise); // in columns
bool speaks_utf8();                               // by the locale's name

// Ctrl-C and SIGTERM: the first asks the program to stop, which stop_requested() shows; a second one ends it
// at once with the status 130.
void listen_for_stop();
bool stop_requested();
constexpr int stopped_status = 130;

} // namespace lemnos::cli
