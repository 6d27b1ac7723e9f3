"""Reads a trace of lemnos profile as a viewer of Chrome's trace events does, and says what is in it; fails where an event crosses
the end of another in its lane, or begins before it."""

import json
import sys

SLACK = 1e-3  # microseconds: what the numbers' digits leave

with open(sys.argv[1], encoding="utf-8") as file:
    trace = json.load(file)

lanes = {}
names = {}
for event in trace["traceEvents"]:
    lane = event["pid"], event["tid"]
    if event["ph"] == "M":
        names[event["name"], lane] = event["args"]["name"]
    elif event["ph"] == "X":
        lanes.setdefault(lane, []).append(event)
    else:
        assert event["ph"] in "sf" and event["id"] > 0, event

for lane, events in lanes.items():
    assert names["process_name", (lane[0], 0)] and names["thread_name", lane], lane
    stack = []
    for event in sorted(events, key=lambda event: (event["ts"], -event["dur"])):
        assert event["dur"] >= 0, event
        end = event["ts"] + event["dur"]
        while stack and stack[-1] <= event["ts"] + SLACK:
            stack.pop()
        assert not stack or end <= stack[-1] + SLACK, event
        assert bool(stack) == (event["cat"] == "dispatch"), event
        stack.append(end)

everything = [event for events in lanes.values() for event in events]
count = {kind: sum(event["cat"] == kind for event in everything) for kind in ("dispatch", "submission", "submit", "wait")}
assert count["submission"] == count["submit"] > 0 and count["wait"] > 0, count
for event in everything:
    if event["cat"] == "dispatch":
        assert {"operator", "layer", "shader", "flops", "bytes"} <= set(event["args"]), event
print(f"{count['dispatch']} dispatches in {count['submission']} submissions, {count['wait']} waits")
