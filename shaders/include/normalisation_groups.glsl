// Invocations for groups of `span` neighbouring channels of each set: one a group, which is best on a CPU, or (EACH) one a
// channel, each of which looks at its whole group.
#include "linear.glsl"
#include "normalisation.glsl"
layout(constant_id = 1) const bool EACH = false;

struct Group {
    uint set;
    uint begin, end;   // its channels
    uint first, last;  // those that this invocation writes; the last excluded
    bool inside;
};

Group this_group() {
    const uint index = linear_index(), items = EACH ? channels : channels / span;
    Group group;
    group.set = index / items;
    const uint item = index - group.set * items;
    group.begin = EACH ? item / span * span : item * span;
    group.end = group.begin + span;
    group.first = EACH ? item : group.begin;
    group.last = EACH ? item + 1 : group.end;
    group.inside = group.set < sets;
    return group;
}
