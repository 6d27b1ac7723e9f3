// What is decided about kernels besides the defaults of their menu, on one device: what the user asks for or refuses, what the
// tuner found, and which kernels were checked or computed something wrong. It knows problems and kernels by their texts alone,
// so that devices keep it and what lies above gives it meaning. With the device's profile it determines every choice.
//
// It is kept in the user's cache folder beside the pipelines, as lines of JSON, the first of which says for what device, driver
// and shaders they hold. Any thread may call.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace lemnos {

class Log;
struct ConvolutionKernel;
struct DeviceInfo;

// A kernel by its name in the menu, and how it cuts the work (0 and 0 where there is one way).
struct KernelChoice {
    std::string kernel;
    uint32_t columns = 0, rows = 0;
    auto operator<=>(const KernelChoice&) const = default;
};
std::string to_string(const KernelChoice& choice); // "pointwise 4x16"

// What the tuner found for one problem.
struct KernelDecision {
    KernelChoice best, fallback; // the fastest, and what is taken without a decision
    double best_seconds = 0, fallback_seconds = 0;
};
using KernelDecisions = std::map<std::string, KernelDecision>; // by the problem's text

// All names that LEMNOS_KERNELS may hold besides those of families; defined beside the menu. "winograd" also stands for
// "winograd.2" and "winograd.4".
std::vector<std::string> kernel_names();

class KernelChoices {
  public:
    // `rules`, as LEMNOS_KERNELS has them (lemnos.h says what they mean): names of kernels and families, separated by commas. A
    // name is preferred wherever the kernel fits, in the order given; a name after "-" is never used.
    explicit KernelChoices(const std::string& rules = {});
    KernelChoices(const KernelChoices& other);

    const std::vector<std::string>& wanted() const { return wanted_; }
    bool wants(const std::string& name) const { return named(wanted_, name); }
    bool denies(const std::string& name) const { return named(denied_, name); }
    // The name itself, or what comes before its dot, is in the list.
    static bool named(const std::vector<std::string>& list, const std::string& name);

    // ---- decisions of the tuner, or of the checkpoint that a training continues ----
    std::optional<KernelChoice> decision(const std::string& problem) const;
    KernelDecisions decisions() const;
    void decide(const std::string& problem, const KernelDecision& decision);
    void replace_decisions(KernelDecisions decisions);

    // ---- checks: of a kernel as it is cut, "pointwise 4x16 forward f32"; what is rejected is "pointwise forward f32" ----
    bool checked(const std::string& name) const;
    void note_checked(const std::string& name);
    void reject(const std::string& name, const std::string& reason);
    bool rejected(const std::string& name) const;
    std::map<std::string, std::string> rejections() const; // with their reasons

    // Rows before those of the menu, for tests; they outlive this.
    void offer(const ConvolutionKernel* row) { offered_.push_back(row); }
    const std::vector<const ConvolutionKernel*>& offered() const { return offered_; }

    // ---- the file ----
    // Decisions as they are kept: a line that says what they hold for, and a line each.
    static std::string decisions_text(const KernelDecisions& decisions, const DeviceInfo& device);
    // Fails with a sentence where the text is damaged or holds for another kind of device or another version of the shaders.
    // Another driver may have made other kernels the fastest, but none of them wrong, so here it is no reason.
    static KernelDecisions parse_decisions(const std::string& text, const DeviceInfo& device);

    // Reads what was kept for this device, and keeps what comes. `variant` tells apart what one device may be made to be: its
    // subgroup's size. What cannot be read is left out, and said in the log where it holds for something else.
    void keep_on_disk(const DeviceInfo& device, const std::string& variant, const Log& log);
    // Writes what is new since it was read; a failure is a line in the log.
    void save(const Log& log) noexcept;

  private:
    struct Contents {
        KernelDecisions decisions;
        std::set<std::string> checked;
        std::map<std::string, std::string> rejections;
    };
    static std::string lines_of(const Contents& contents, const DeviceInfo& device);
    static Contents parse(const std::string& text, const DeviceInfo& device, bool same_driver);

    std::vector<std::string> wanted_, denied_;
    std::vector<const ConvolutionKernel*> offered_;

    mutable std::mutex mutex_; // guards what follows
    Contents contents_;
    bool changed_ = false, decisions_replaced_ = false;
    std::string path_;                    // empty: nothing is kept
    std::shared_ptr<const DeviceInfo> for_; // what it is kept for
};

} // namespace lemnos
