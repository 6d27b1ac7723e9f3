// lemnos_bench: what bench/run calls. Everything is measured in this one process and one run, ceilings and peers included.
#include "bench/bench.h"

#include "bench/system.h"
#include "support/text.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace lemnos::bench {

#define LEMNOS_SUITE(name, summary) void suite_##name(Bench& bench);
#include "bench/suites.def"
#undef LEMNOS_SUITE

struct Suite {
    const char* name;
    const char* summary;
    void (*run)(Bench& bench);
};
static const Suite suites[] = {
#define LEMNOS_SUITE(name, summary) {#name, summary, suite_##name},
#include "bench/suites.def"
#undef LEMNOS_SUITE
};

struct Arguments {
    Options options;
    std::vector<const Suite*> suites;
    std::string out, markdown, title = "Benchmark", command = "bench/run", commit;
};

static void print_help() {
    std::puts("usage: lemnos_bench [option ...]\n\n"
              "  --suite NAME[,NAME...]  what is measured; the default is everything but detection and gpu\n"
              "  --quick                 small shapes and few rounds: that everything works\n"
              "  --out FILE              write the figures as JSON, for bench/compare\n"
              "  --markdown FILE         write the table as a page; --title TEXT is its heading\n"
              "  --device WHICH          a number, a UUID or a part of a name, as everywhere\n"
              "  --time-budget SECONDS   that a suite may take (600); what does not fit is left out and named\n"
              "  --python PROGRAM        the interpreter that has the other libraries\n"
              "  --no-peers              measure no other library\n"
              "  --commit TEXT, --command TEXT  what the figures say of where they come from\n\nSuites:");
    for (const Suite& suite : suites) std::printf("  %-14s %s\n", suite.name, suite.summary);
}

static const Suite& suite_named(const std::string& name) {
    std::vector<std::string> known;
    for (const Suite& suite : suites) {
        if (name == suite.name) return suite;
        known.push_back(suite.name);
    }
    fail(ErrorCode::invalid_argument, "There is no suite \"", name, "\" (lemnos_bench --help lists them).", did_you_mean(name, known));
}

// Empty where the help was asked for.
static std::optional<Arguments> parse(int argc, char** argv) {
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        const auto value = [&]() -> std::string {
            require(i + 1 < argc, "The option ", option, " needs a value.");
            return argv[++i];
        };
        if (option == "--help" || option == "-h") return {};
        if (option == "--suite") for (const std::string& name : split(value(), ',')) arguments.suites.push_back(&suite_named(name));
        else if (option == "--quick") arguments.options.quick = true;
        else if (option == "--no-peers") arguments.options.peers = false;
        else if (option == "--out") arguments.out = value();
        else if (option == "--markdown") arguments.markdown = value();
        else if (option == "--title") arguments.title = value();
        else if (option == "--command") arguments.command = value();
        else if (option == "--commit") arguments.commit = value();
        else if (option == "--device") arguments.options.device = value();
        else if (option == "--python") arguments.options.python = value();
        else if (option == "--time-budget") {
            const std::string given = value();
            require(parse_number(given, arguments.options.time_budget) && arguments.options.time_budget > 0, "The time budget (", given,
                    ") must be a number of seconds above 0.");
        } else fail(ErrorCode::invalid_argument, "There is no option ", option, " (lemnos_bench --help lists them).");
    }
    if (arguments.suites.empty())
        for (const Suite& suite : suites)
            if (std::strcmp(suite.name, "detection") != 0 && std::strcmp(suite.name, "gpu") != 0) arguments.suites.push_back(&suite);
    return arguments;
}

static std::string with_load(const std::string& what) {
    const double load = load_average();
    return load < 0 ? what : text(what, "; load ", readable(load));
}

static void run(const Arguments& arguments) {
    Bench bench(arguments.options);
    const DeviceInfo& device = bench.device->info();
    bench.report.add_fact("device", device.name);
    bench.report.add_fact("driver", device.driver);
    bench.report.add_fact("processor", processor());
    bench.report.add_fact("system", operating_system());
    bench.report.add_fact("library", text("Lemnos ", LEMNOS_VERSION, arguments.commit.empty() ? "" : ", commit ", arguments.commit));
    bench.report.add_fact("compiler", LEMNOS_COMPILER);
    bench.report.add_fact("started", with_load(time_of_day()));
    const double load = load_average();
    if (load > processors())
        bench.report.add_fact("caution", text("others are at work on this machine (load ", readable(load), " on ", processors(),
                                              " cores): a library that waits actively, as PyTorch does, suffers more than others"));
    for (const Suite* suite : arguments.suites) {
        bench.begin_suite(suite->name);
        suite->run(bench);
        if (!arguments.out.empty()) bench.report.write_json(arguments.out); // what there is, should a later suite fail
    }
    std::puts("");
    bench.report.add_fact("ended", with_load(time_of_day()));
    bench.report.print_verdicts();
    if (!arguments.out.empty()) bench.report.write_json(arguments.out);
    if (!arguments.markdown.empty()) bench.report.write_markdown(arguments.markdown, arguments.title, arguments.command);
}

} // namespace lemnos::bench

int main(int argc, char** argv) {
    try {
        const auto arguments = lemnos::bench::parse(argc, argv);
        if (!arguments) {
            lemnos::bench::print_help();
            return 0;
        }
        lemnos::bench::run(*arguments);
    } catch (const lemnos::Error& error) {
        std::fprintf(stderr, "lemnos_bench: %s\n", error.what());
        return error.code() == lemnos::ErrorCode::no_device ? 77 : 1;
    }
    return 0;
}
