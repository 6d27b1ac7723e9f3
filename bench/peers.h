// Other libraries, measured in the same rounds: a child process each, which prepares work when asked to and times it once
// whenever asked to (bench/peers/peer.py). One that is not installed says so.
#pragma once

#include "bench/measure.h"
#include "bench/system.h"

#include <map>
#include <memory>
#include <string>

namespace lemnos::bench {

class Peer {
  public:
    Peer(std::string library, std::string python, bool gpu);

    // "PyTorch 1.13.1 on the CPU, 2 threads"; empty: it is not there, and missing() says why.
    const std::string& name() const { return name_; }
    const std::string& missing() const { return missing_; }
    const std::string& library() const { return library_; }
    const std::string& python() const { return python_; } // the interpreter that has it
    // Work as peer.py describes it ("train network=resnet18 batch=8"). Null with a reason where the library cannot do it.
    Rounds::Run prepare(const std::string& work, std::string& reason);
    void forget(); // everything prepared: its memory is given back

  private:
    std::string library_, python_, name_, missing_;
    std::shared_ptr<ChildProcess> process_;
};

class Peers {
  public:
    Peers(std::vector<std::string> libraries, std::string python, bool gpu) : libraries_(std::move(libraries)), python_(std::move(python)), gpu_(gpu) {}
    // Started when first asked for.
    std::vector<Peer*> all();
    Peer& pytorch();

  private:
    Peer& peer(const std::string& library);
    std::vector<std::string> libraries_;
    std::string python_;
    bool gpu_;
    std::map<std::string, std::unique_ptr<Peer>> peers_;
};

} // namespace lemnos::bench
