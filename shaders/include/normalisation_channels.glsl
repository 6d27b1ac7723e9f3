// Invocations that merge the partial sums of a channel of a set: one for both, or (SHARED) workgroups of 8 channels whose
// lanes divide the strands among them, each a run of neighbours. Needs the push constants of normalisation.h.
#include "linear.glsl"
#include "normalisation.glsl"
layout(constant_id = 2) const bool TILES = false; // a partial sum is that of a block of rows, not of a strand

struct Channel {
    uint set, number;
    bool inside; // of the sets; the number may lie behind the last channel
};

Channel this_channel() {
    const uint padded = padded_channels();
    Channel channel;
#if SHARED
    const uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    channel.set = group / (padded / 8);
    channel.number = (group - channel.set * (padded / 8)) * 8 + gl_LocalInvocationID.x % 8;
#else
    const uint index = linear_index();
    channel.set = index / padded;
    channel.number = index - channel.set * padded;
#endif
    channel.inside = channel.set < sets;
    return channel;
}

// Of one set, whose rows and partial sums are counted from its own first.
struct Strand {
    uint number, last; // of the partial sum, and the end of this lane's run
    uint row, end;     // its first row, and the end of its block
    uint place;        // in its block
};

uint set_rows() { return examples * example_rows; }
uint strand_step() { return TILES ? 1 : abreast; } // rows from one of a strand to its next

uint block_end(uint row) {
    const uint slice_end = min(row / slice_rows * slice_rows + slice_rows, set_rows());
    return min(row + abreast * depth, slice_end);
}

Strand strand_of(uint number) {
    const uint abreast_strands = TILES ? 1 : abreast, tile = abreast * depth;
    const uint slice_strands = (slice_rows + tile - 1) / tile * abreast_strands;
    const uint slice = number / slice_strands, within = number - slice * slice_strands;
    const uint block = slice * slice_rows + within / abreast_strands * tile;
    Strand strand;
    strand.number = number;
    strand.place = within % abreast_strands;
    strand.row = block + strand.place;
    strand.end = block_end(block);
    return strand;
}

Strand first_strand_of_lane() {
#if SHARED
    const uint runs = gl_WorkGroupSize.x / 8, each = (set_strands + runs - 1) / runs;
    const uint first = min(gl_LocalInvocationID.x / 8 * each, set_strands);
    Strand strand = strand_of(first);
    strand.last = min(first + each, set_strands);
#else
    Strand strand = strand_of(0);
    strand.last = set_strands;
#endif
    return strand;
}

void next_strand(inout Strand strand) {
    ++strand.number;
    ++strand.place;
    ++strand.row;
    if (strand.place < (TILES ? 1 : abreast)) return;
    strand.row = strand.end; // the next block, of this slice or the next, begins where this one ends
    strand.end = block_end(strand.row);
    strand.place = 0;
}
