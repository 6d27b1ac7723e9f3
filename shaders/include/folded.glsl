// A long row of workgroups, folded over x (at most 32768) and z: folded_groups() in C++.
uint folded_group() { return gl_WorkGroupID.x + gl_WorkGroupID.z * gl_NumWorkGroups.x; }
uint folded_index() { return folded_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x; }
