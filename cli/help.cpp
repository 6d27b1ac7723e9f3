#include "help.h"

#include "command.h"
#include "terminal.h"
#include "text.h"

#include <algorithm>
#include <sstream>

namespace lemnos::cli {

static constexpr int left_column = 28, least_width = 60, largest_width = 110;

static void print_entry(std::ostream& out, const std::string& left, const std::string& right, int width) {
    const std::vector<std::string> lines = wrapped(right, width - left_column);
    const std::string indent(left_column, ' ');
    std::string first = "  " + left;
    if (columns_of(first) + 2 > left_column)
        out << first << "\n" << indent;
    else
        out << first << std::string(size_t(left_column - columns_of(first)), ' ');
    for (size_t i = 0; i < lines.size(); ++i) out << (i > 0 ? indent : "") << lines[i] << "\n";
}

static std::string full_name(const CLI::App* app) {
    return app->get_parent() ? full_name(app->get_parent()) + " " + app->get_name() : app->get_name();
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const {
    const int width = std::clamp(terminal_width(Stream::out, 100), least_width, largest_width);
    std::ostringstream out;
    for (const std::string& line : wrapped(app->get_description(), width)) out << line << "\n";

    const std::vector<const CLI::App*> commands =
        app->get_subcommands([](const CLI::App* command) { return !command->get_name().empty(); });
    out << "\nUsage: " << full_name(app) << (commands.empty() ? "" : " COMMAND");
    for (const CLI::Option* option : app->get_options())
        if (option->get_positional())
            out << " " << option->get_option_text();
        else if (option->get_required())
            out << " " << option->get_name() << " " << option->get_option_text();
    out << " [options]\n";

    if (!commands.empty()) out << "\nCommands:\n";
    for (const CLI::App* command : commands)
        print_entry(out, command->get_name(), command->get_description(), width);

    std::vector<std::string> groups = app->get_groups();
    std::stable_partition(groups.begin(), groups.end(),
                          [](const std::string& name) { return name != "Options"; });
    for (const std::string& group : groups) {
        const auto options = app->get_options(
            [&](const CLI::Option* option) { return option->get_group() == group && !group.empty(); });
        if (options.empty()) continue;
        out << "\n" << group << ":\n";
        for (const CLI::Option* option : options) {
            std::string left =
                option->get_positional() ? option->get_option_text() : option->get_name(false, true);
            if (const size_t comma = left.find(','); comma != std::string::npos) left.insert(comma + 1, " ");
            if (!option->get_positional() && !option->get_option_text().empty())
                left += " " + option->get_option_text();
            print_entry(out, left, option->get_description(), width);
        }
    }
    if (!app->get_footer().empty()) out << "\n" << app->get_footer() << "\n";
    return out.str();
}

// ---- mistakes ---------------------------------------------------------------------------------------------

static bool is_option(const std::string& argument) {
    if (argument.size() < 2 || argument[0] != '-') return false;
    const bool number = argument[1] == '.' || (argument[1] >= '0' && argument[1] <= '9');
    return !number && argument != "--";
}

static std::vector<std::string> option_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
        for (const std::string& name : option->get_snames()) names.push_back("-" + name);
    }
    return names;
}

void check_names(const CLI::App& app, const std::vector<std::string>& arguments) {
    const CLI::App* chosen = &app;
    std::string option; // the argument before, where it is one
    for (const std::string& argument : arguments) {
        if (argument == "--") return;
        if (argument.empty() && chosen != &app)
            misused(*chosen, option.empty()
                                 ? "An argument is empty."
                                 : "The option " + option + " needs a value (an empty one was given).");
        option = is_option(argument) ? argument : "";
        if (is_option(argument)) {
            const std::string name = argument.substr(0, argument.find('='));
            const std::vector<std::string> known = option_names(*chosen);
            if (std::find(known.begin(), known.end(), name) == known.end())
                misused(*chosen, "\"" + full_name(chosen) + "\" has no option " + name + "." +
                                     did_you_mean(name, known));
        } else if (chosen == &app) {
            std::vector<std::string> known;
            for (const CLI::App* command : app.get_subcommands({})) {
                known.push_back(command->get_name());
                if (argument == command->get_name()) chosen = command;
            }
            if (chosen == &app)
                misused(app, "There is no command \"" + argument + "\"." + did_you_mean(argument, known));
        }
    }
}

std::string explain(const CLI::ParseError& error) {
    const std::string what = error.what();
    if (dynamic_cast<const CLI::RequiredError*>(&error))
        return "The option " + what.substr(0, what.find(' ')) + " must be given.";
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error))
        return "The option " + what.substr(0, what.find_first_of(": ")) + " needs a value.";
    if (dynamic_cast<const CLI::ConversionError*>(&error)) {
        const size_t colon = what.find(": "), equals = what.find(" = ");
        if (colon != std::string::npos && equals != std::string::npos && colon < equals)
            return "The option " + what.substr(colon + 2, equals - colon - 2) + " needs a number (\"" +
                   what.substr(equals + 3) + "\" was given).";
    }
    if (dynamic_cast<const CLI::ExcludesError*>(&error)) {
        const size_t middle = what.find(" excludes ");
        if (middle != std::string::npos)
            return "The options " + what.substr(0, middle) + " and " +
                   what.substr(middle + std::string(" excludes ").size()) + " exclude each other.";
    }
    if (dynamic_cast<const CLI::ExtrasError*>(&error)) {
        const size_t last = what.find_last_of(' ');
        return "The argument \"" + what.substr(last + 1) + "\" is one too many.";
    }
    return what + ".";
}

} // namespace lemnos::cli
