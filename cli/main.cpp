// The lemnos command. Exit status: 0 done, 1 a failure, 2 arguments that cannot be understood, 130 stopped by
// Ctrl-C.
#include "command.h"
#include "help.h"

#include <cstdio>
#include <iostream>

using namespace lemnos::cli;

static int say(const Failure& failure) {
    std::fprintf(stderr, "lemnos: %s\n", failure.what());
    return failure.status();
}

int main(int argc, char** argv) {
    CLI::App app("Trains and runs convolutional networks on any Vulkan device.", "lemnos");
    app.formatter(std::make_shared<HelpFormatter>());
    app.set_help_flag("-h,--help",
                      "Prints this text; \"lemnos COMMAND --help\" explains a command, with examples.");
    app.set_version_flag("--version", lem_build_info(), "Prints the version.");
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.footer("Examples:\n"
               "  lemnos devices\n"
               "  lemnos summary mobilenet_v2 --width 1.0 --resolution 224\n"
               "  lemnos train --data /usr/share/datasets/fashion-mnist --width 0.35 --epochs 2\n"
               "  lemnos predict --model model.safetensors photo.jpg");
    Run run;
    add_train(app, run);
    add_eval(app, run);
    add_tune(app, run);
    add_tune_alpha(app, run);
    add_predict(app, run);
    add_detect(app, run);
    add_import(app, run);
    add_summary(app, run);
    add_profile(app, run);
    add_schedule(app, run);
    add_devices(app, run);
    try {
        if (argc < 2) {
            std::fputs(app.help().c_str(), stderr);
            return 2;
        }
        check_names(app, {argv + 1, argv + argc});
        app.parse(argc, argv);
        if (!run) misused(app, "A command is needed.");
        return run();
    } catch (const CLI::Success& success) { // --help and --version
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        const auto chosen = app.get_subcommands();
        const std::string command = chosen.empty() ? "lemnos" : "lemnos " + chosen.front()->get_name();
        return say(Failure(explain(error) + "\nTry \"" + command + " --help\".", 2));
    } catch (const Failure& failure) {
        return say(failure);
    } catch (const std::exception& error) {
        return say(Failure(std::string("An unexpected fault: ") + error.what() + "."));
    }
}
