"""The benchmark's suites at their quick scale, and what they write: quick_test.py lemnos_bench bench/compare

Nothing here depends on how fast anything is."""

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

SUITES = ["kernels", "normalisation", "overhead", "memory", "gpu"]


def expect(condition, what):
    if not condition:
        sys.exit(f"quick_test: {what}")


def check_row(row):
    expect(row["suite"] in ["ceilings", *SUITES] and row["name"], f"a row of no suite or name: {row}")
    if "missing" in row:
        expect(row["missing"] and "value" not in row, f"a figure that is missing without a reason: {row}")
        return
    for key in ("value", "spread"):
        expect(math.isfinite(row[key]) and row[key] >= 0, f"the {key} is no figure: {row}")
    expect(row["better"] in ("higher", "lower"), f"no direction: {row}")
    if "ratio" in row:
        expect(math.isfinite(row["ratio"]) and row["ratio"] > 0 and row["of"], f"the ratio is no figure: {row}")
    if "bar" in row:
        judged = row[row["bar_on"]]
        expect(row["met"] == (judged <= row["bar"] if row["better"] == "lower" else judged >= row["bar"]), f"a wrong verdict: {row}")


def main():
    program, compare = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as name:
        out, page = Path(name) / "run.json", Path(name) / "run.md"
        done = subprocess.run([program, "--suite", ",".join(SUITES), "--quick", "--no-peers", "--out", out, "--markdown", page,
                               "--command", "bench/run --quick"], capture_output=True, text=True)
        if done.returncode == 77:
            print(done.stderr)
            sys.exit(77)
        print(done.stdout)
        expect(done.returncode == 0, f"lemnos_bench ended with {done.returncode}: {done.stderr}")
        run = json.loads(out.read_text(encoding="utf-8"))
        expect(run["format"] == "lemnos-bench-1" and run["quick"] is True, "the head of the JSON is wrong")
        for fact in ("device", "driver", "processor", "started", "ended"):
            expect(run["machine"].get(fact), f"the machine's {fact} is not named")
        rows = run["rows"]
        for row in rows:
            check_row(row)
            expect(row["name"] in done.stdout and row["name"] in page.read_text(encoding="utf-8"), f"not in the table or the page: {row}")
        expect(len({(row["suite"], row["name"]) for row in rows}) == len(rows), "two rows have one name")
        measured = [row for row in rows if "missing" not in row]
        for suite in ["ceilings", *SUITES]:
            expect(any(row["suite"] == suite for row in measured), f"the suite {suite} has no figure")
        for direction in ("forward", "data gradient", "filter gradient"):
            expect(any(row["name"].endswith(f", {direction}") and row.get("of") == "best GEMM" for row in measured),
                   f"no convolution is measured in the direction {direction}")
        # What a replay promises holds at any speed.
        for what in ("buffers made", "descriptors written", "pipelines made"):
            expect(all(row["met"] for row in measured if row["name"].endswith(what)), f"a replayed step is not free of {what}")
        busy = [row["value"] for row in measured if row["name"].endswith("the device is busy")]
        expect(len(busy) == 1 and 0 < busy[0] <= 100.001, f"the device cannot be that busy: {busy}")
        same = subprocess.run([sys.executable, compare, out, out], capture_output=True, text=True)
        expect(same.returncode == 0 and " 0 worse, 0 better" in same.stdout, f"a run differs from itself: {same.stdout}{same.stderr}")

        refused = subprocess.run([program, "--suite", "kernel"], capture_output=True, text=True)
        expect(refused.returncode == 1 and 'Did you mean "kernels"?' in refused.stderr, f"an unknown suite: {refused.stderr}")


if __name__ == "__main__":
    main()
