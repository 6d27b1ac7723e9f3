// A workgroup of LANES invocations that works on one thing: an image, or a class of one. On a CPU it has as
// many lanes as a subgroup, which meet for nothing; engine/ops/group.h chooses.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1; // the size of the workgroup, a power of two
shared float group_values[LANES];
shared uint group_indices[LANES];

const uint none = 0xffffffffu;

uint group_index() { return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x; }
uint group_lane() { return gl_LocalInvocationID.x; }

// What a lane wrote to coherent buffers or shared memory before is seen by all after.
void group_sync() {
    memoryBarrierBuffer();
    barrier();
}

// Of all lanes' pairs the one of the largest value, of equals that of the lowest index. A lane without one
// gives `none`.
void group_best(inout float value, inout uint index) {
    const uint lane = group_lane();
    barrier();
    group_values[lane] = value;
    group_indices[lane] = index;
    barrier();
    for (uint step = LANES / 2; step > 0; step /= 2) {
        if (lane < step) {
            const float other = group_values[lane + step];
            const uint other_index = group_indices[lane + step], mine = group_indices[lane];
            if (other_index != none && (mine == none || other > group_values[lane] ||
                                        (other == group_values[lane] && other_index < mine))) {
                group_values[lane] = other;
                group_indices[lane] = other_index;
            }
        }
        barrier();
    }
    value = group_values[0];
    index = group_indices[0];
}

// The sum of the counts of the lanes before this one, and of all.
uint group_count(uint count, out uint before) {
    const uint lane = group_lane();
    barrier();
    group_indices[lane] = count;
    barrier();
    uint all = 0;
    before = 0;
    for (uint i = 0; i < LANES; ++i) {
        if (i == lane) before = all;
        all += group_indices[i];
    }
    return all;
}
