// One invocation per item of a long list: groups of local_size_x (specialisation constant 0), folded into rows where a
// dimension of the grid may not hold them all (linear_groups() in C++).
layout(local_size_x_id = 0) in;

uint linear_index() {
    return (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
}
