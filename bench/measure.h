// How things are timed: they take turns, and what is reported is the median over the rounds of something that is computed
// within one round. So whatever else the machine does meanwhile meets all of them alike, and a ratio is one of neighbours.
#pragma once

#include <functional>
#include <vector>

namespace lemnos::bench {

// A quantity that was measured several times.
struct Figure {
    double value = 0;  // the median
    double spread = 0; // of the middle half of the values, as a share of the median
};
Figure figure_of(std::vector<double> values);

// How often to measure: `most` rounds, or fewer, but at least `least`, where those have taken so many seconds.
struct Effort {
    int least = 3, most = 15;
    double seconds = 2;
};

double now(); // seconds of a clock that never goes back

class Rounds {
  public:
    // Does something once and says how many seconds that took, by whatever clock is right for it.
    using Run = std::function<double()>;
    using Round = std::vector<double>; // the seconds of each, in the order in which they were added

    size_t add(Run run); // its place in a round
    // One run of each that does not count, for first uses compile and allocate; then the rounds.
    void measure(const Effort& effort);
    // The median over all rounds of what `of` makes of one.
    Figure figure(const std::function<double(const Round&)>& of) const;
    Figure seconds(size_t place) const;
    int count() const { return int(rounds_.size()); }

  private:
    std::vector<Run> runs_;
    std::vector<Round> rounds_;
};

} // namespace lemnos::bench
