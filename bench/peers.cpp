#include "bench/peers.h"

#include "support/error.h"
#include "support/text.h"

namespace lemnos::bench {

// What follows the first word of an answer.
static std::string rest_of(const std::string& line) {
    const size_t blank = line.find(' ');
    return blank == std::string::npos ? "" : line.substr(blank + 1);
}

Peer::Peer(std::string library, std::string python, bool gpu) : library_(std::move(library)) {
    missing_ = "not installed";
    // Where no interpreter is named: Debian's own, which has Debian's packages, then whatever the path has.
    const std::vector<std::string> candidates =
        python.empty() ? std::vector<std::string>{"/usr/bin/python3", "python3"} : std::vector<std::string>{python};
    for (const std::string& candidate : candidates) {
        auto process = std::make_shared<ChildProcess>(
            std::vector<std::string>{candidate, LEMNOS_BENCH_FOLDER "/peers/peer.py", library_, gpu ? "gpu" : "cpu"});
        std::string answer;
        if (!process->read_line(answer)) continue;
        if (answer.starts_with("ready ")) {
            process_ = std::move(process);
            python_ = candidate;
            name_ = rest_of(answer);
            missing_.clear();
            return;
        }
        missing_ = rest_of(answer);
    }
}

Rounds::Run Peer::prepare(const std::string& work, std::string& reason) {
    reason = missing_;
    if (!process_) return nullptr;
    std::string answer;
    if (!process_->write_line("prepare " + work) || !process_->read_line(answer)) {
        process_.reset();
        reason = missing_ = name_ + " ended without a word";
        return nullptr;
    }
    if (!answer.starts_with("prepared ")) {
        reason = rest_of(answer);
        return nullptr;
    }
    return [process = process_, number = rest_of(answer), library = name_] {
        std::string line;
        double seconds = 0;
        if (!process->write_line("time " + number) || !process->read_line(line) || !line.starts_with("seconds ") ||
            !parse_number(rest_of(line), seconds))
            fail(ErrorCode::invalid_state, library, " could not be timed: it says \"", line, "\".");
        return seconds;
    };
}

void Peer::forget() {
    std::string answer;
    if (process_ && process_->write_line("forget")) process_->read_line(answer);
}

Peer& Peers::peer(const std::string& library) {
    std::unique_ptr<Peer>& peer = peers_[library];
    if (!peer) peer = std::make_unique<Peer>(library, python_, gpu_);
    return *peer;
}

std::vector<Peer*> Peers::all() {
    std::vector<Peer*> all;
    for (const std::string& library : libraries_) all.push_back(&peer(library));
    return all;
}

Peer& Peers::pytorch() { return peer("pytorch"); }

} // namespace lemnos::bench
