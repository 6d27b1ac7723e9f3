#include "bench/report.h"

#include "support/error.h"
#include "support/file.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace lemnos::bench {

static double judged(const Row& row) { return row.ratio && !row.bar_on_value ? row.ratio->value : row.value.value; }

bool Row::met() const { return !bar || (lower_is_better ? judged(*this) <= *bar : judged(*this) >= *bar); }

std::string readable(double value) {
    if (value == 0) return "0";
    const int digits = std::max(0, 2 - int(std::floor(std::log10(std::fabs(value)))));
    char characters[64];
    std::snprintf(characters, sizeof characters, "%.*f", std::min(digits, 6), value);
    return characters;
}

static std::string percent(double share) { return readable(100 * share) + " %"; }

static std::string verdict(const Row& row) {
    if (!row.bar) return "";
    const std::string asked = text(row.lower_is_better ? "at most " : "at least ", readable(*row.bar));
    if (row.met()) return text(asked, ": met");
    return *row.bar == 0 ? text(asked, ": MISSED") : text(asked, ": MISSED (", readable(judged(row) / *row.bar), " of it)");
}

static std::string value_of(const Row& row) { return text(readable(row.value.value), " ", row.unit); }
static std::string ratio_of(const Row& row) { return row.ratio ? text(readable(row.ratio->value), " of ", row.of) : ""; }

void Report::add_fact(const std::string& name, const std::string& value) {
    facts_.emplace_back(name, value);
    std::printf("%-16s %s\n", name.c_str(), value.c_str());
    std::fflush(stdout);
}

void Report::add(Row row) {
    if (rows_.empty() || rows_.back().suite != row.suite)
        std::printf("\n%s\n%-82s %16s %7s   %-28s %7s   %s\n", row.suite.c_str(), "", "median", "spread", "ratio", "spread", "bar");
    if (!row.missing.empty())
        std::printf("  %-80s %16s %7s   %s\n", row.name.c_str(), "-", "", row.missing.c_str());
    else
        std::printf("  %-80s %16s %7s   %-28s %7s   %s%s%s\n", row.name.c_str(), value_of(row).c_str(),
                    percent(row.value.spread).c_str(), ratio_of(row).c_str(),
                    row.ratio ? percent(row.ratio->spread).c_str() : "", verdict(row).c_str(),
                    row.bar && !row.note.empty() ? "; " : "", row.note.c_str());
    std::fflush(stdout);
    rows_.push_back(std::move(row));
}

void Report::print_verdicts() const {
    int bars = 0, missed = 0;
    for (const Row& row : rows_)
        if (row.bar && row.missing.empty()) {
            ++bars;
            missed += !row.met();
        }
    if (bars == 0) return;
    std::printf("\n%d of %d bars are met%s\n", bars - missed, bars, missed ? "; missed:" : ".");
    for (const Row& row : rows_)
        if (row.bar && row.missing.empty() && !row.met())
            std::printf("  %s, %s: %s, %s\n", row.suite.c_str(), row.name.c_str(),
                        (row.bar_on_value || !row.ratio ? value_of(row) : ratio_of(row)).c_str(), verdict(row).c_str());
}

static nlohmann::ordered_json to_json(const Row& row) {
    nlohmann::ordered_json json{{"suite", row.suite}, {"name", row.name}};
    if (!row.missing.empty()) {
        json["missing"] = row.missing;
        return json;
    }
    json["unit"] = row.unit;
    json["better"] = row.lower_is_better ? "lower" : "higher";
    json["value"] = row.value.value;
    json["spread"] = row.value.spread;
    if (row.ratio) {
        json["ratio"] = row.ratio->value;
        json["ratio_spread"] = row.ratio->spread;
        json["of"] = row.of;
    }
    if (row.bar) {
        json["bar"] = *row.bar;
        json["bar_on"] = row.ratio && !row.bar_on_value ? "ratio" : "value";
        json["met"] = row.met();
    }
    if (!row.note.empty()) json["note"] = row.note;
    return json;
}

static void write(const std::string& path, const std::string& content) {
    write_atomically(path, [&content](FileWriter& writer) { writer.write(content); });
}

void Report::write_json(const std::string& path) const {
    nlohmann::ordered_json json{{"format", "lemnos-bench-1"}, {"quick", quick_}};
    for (const auto& [name, value] : facts_) json["machine"][name] = value;
    json["rows"] = nlohmann::ordered_json::array();
    for (const Row& row : rows_) json["rows"].push_back(to_json(row));
    write(path, json.dump(1) + "\n");
}

void Report::write_markdown(const std::string& path, const std::string& title, const std::string& command) const {
    std::string page = text("# ", title, "\n\n`", command, "` wrote this page. A value is the median of rounds in which everything "
                            "takes turns, a ratio\nthe median of the ratios within a round, and ± the spread of the middle half of "
                            "them.\n\n| | |\n| --- | --- |\n");
    if (quick_) page += "| scale | quick: smaller shapes, so the figures say that it works and no more |\n";
    for (const auto& [name, value] : facts_) page += text("| ", name, " | ", value, " |\n");
    std::string suite;
    for (const Row& row : rows_) {
        if (row.suite != suite) {
            suite = row.suite;
            page += text("\n## ", suite, "\n\n| what | median | ± | ratio | ± | bar | |\n| --- | ---: | ---: | --- | ---: | --- | --- |\n");
        }
        if (!row.missing.empty())
            page += text("| ", row.name, " | – | | ", row.missing, " | | | |\n");
        else
            page += text("| ", row.name, " | ", value_of(row), " | ", percent(row.value.spread), " | ", ratio_of(row), " | ",
                         row.ratio ? percent(row.ratio->spread) : "", " | ", verdict(row), " | ", row.note, " |\n");
    }
    write(path, page);
}

} // namespace lemnos::bench
