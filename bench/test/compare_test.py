"""bench/compare on runs whose differences are known: compare_test.py bench/compare"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def row(name, value, ratio=None, spread=0.01, better="higher", **more):
    made = {"suite": "kernels", "name": name, "unit": "GFLOP/s", "better": better, "value": value, "spread": spread, **more}
    if ratio is not None:
        made.update(ratio=ratio, ratio_spread=spread, of="best GEMM")
    return made


def run(rows, **more):
    return {"format": "lemnos-bench-1", "quick": False, "machine": {"device": "a card"}, "rows": rows, **more}


def compare(folder, old, new, *options):
    paths = [folder / "old.json", folder / "new.json"]
    for path, content in zip(paths, (old, new)):
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    done = subprocess.run([sys.executable, sys.argv[1], *map(str, paths), *options], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def expect(condition, what, output):
    if not condition:
        sys.exit(f"compare_test: {what}\n{output}")


def section(output, title):
    """The lines below a title, up to the next empty one."""
    return output.split(title, 1)[1].split("\n\n")[0] if title in output else ""


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        same = run([row("a", 20, 0.5), row("b", 3, better="lower")])
        code, output, _ = compare(folder, same, same)
        expect(code == 0 and "0 worse, 0 better, 2 within noise" in output, "equal runs differ", output)

        # The machine is twice as slow, and all rates with it: by their ratios nothing has changed.
        code, output, _ = compare(folder, run([row("a", 20, 0.5)]), run([row("a", 10, 0.5)]))
        expect(code == 0 and "0 worse" in output, "a slower machine is taken for slower code", output)

        old = run([row("slower", 20, 0.50), row("faster", 20, 0.50), row("longer", 3.0, better="lower"), row("less", 3.0, better="lower"),
                   row("noisy", 20, 0.50, spread=0.3), row("little", 20, 0.500), row("count", 0, better="lower", spread=0)])
        new = run([row("slower", 20, 0.40), row("faster", 20, 0.60), row("longer", 4.0, better="lower"), row("less", 2.0, better="lower"),
                   row("noisy", 20, 0.42, spread=0.3), row("little", 20, 0.485), row("count", 3, better="lower", spread=0)])
        code, output, _ = compare(folder, old, new)
        worse, better = section(output, "Slower or larger:"), section(output, "Faster or smaller:")
        expect(code == 1, "something is worse, but the exit status is 0", output)
        for name in ("slower", "longer", "count"):
            expect(f", {name} " in worse and f", {name} " not in better, f"{name} is not among what is worse", output)
        for name in ("faster", "less"):
            expect(f", {name} " in better and f", {name} " not in worse, f"{name} is not among what is better", output)
        for name in ("noisy", "little"):
            expect(f", {name} " not in worse + better, f"{name} is no change", output)
        code, output, _ = compare(folder, old, new, "--threshold", "2")
        expect(", little " in section(output, "Slower or larger:"), "the threshold is not heeded", output)

        # A bar that is lost is worse however little it was.
        code, output, _ = compare(folder, run([row("bar", 20, 0.601, bar=0.6, met=True)]), run([row("bar", 20, 0.599, bar=0.6, met=False)]))
        expect(code == 1 and "the bar is met no more" in output, "a lost bar is not seen", output)

        gone = {"suite": "kernels", "name": "a", "missing": "not installed"}
        code, output, _ = compare(folder, run([row("a", 20)]), run([gone, row("new", 1)]))
        expect(code == 0 and "kernels, a" in section(output, "Measured before and not now:"), "a lost row is not named", output)
        expect("kernels, new" in section(output, "Measured for the first time:"), "a new row is not named", output)

        for content, words in (("no JSON", "cannot be read"), ("[]", "is not what bench/run writes"), (run([], quick=True), "quick")):
            code, output, error = compare(folder, same, content)
            expect(code == 1 and words in error, f"{content} is not refused", output + error)


if __name__ == "__main__":
    main()
