// Help texts, and what is said about arguments that cannot be understood.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace lemnos::cli {

// Groups, options with their placeholders (option_text), explanations beside them, examples (the footer)
// last.
class HelpFormatter : public CLI::FormatterBase {
  public:
    std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

// Throws a Failure of status 2, with the nearest name, when a command or an option is not known.
void check_names(const CLI::App& app, const std::vector<std::string>& arguments);

// What went wrong while the arguments were parsed, as a sentence.
std::string explain(const CLI::ParseError& error);

} // namespace lemnos::cli
