"""What lemnos_bench hears from other libraries: peers_test.py bench/peers

benchncnn is played by a script. PyTorch's networks are compared with ours by their numbers of parameters where it is
installed."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FAKE = """#!/bin/sh
[ "$1" = 1 ] && [ "$7" = "shape=[224,224,3]" ] || exit 1
printf '%20s  min = %7.2f  max = %7.2f  avg = %7.2f\\n' mobilenet_v2 110 113 112.5 >&2
"""
PARAMETERS = {  # of engine/models, as `lemnos summary` prints them
    "network=mobilenet_v2 width=1.0 channels=3 classes=1000": 3504872,
    "network=mobilenet_v2 preset=small28 width=0.35 channels=1 classes=10": 281674,
    "network=resnet18 channels=3 classes=1000": 11689512,
    "network=resnet50 channels=3 classes=1000": 25557032,
    "network=wrn depth=16 width=4 channels=3 classes=10": 2748890,
}


def expect(condition, what):
    if not condition:
        sys.exit(f"peers_test: {what}")


def talk(folder, library, lines, **environment):
    done = subprocess.run([sys.executable, folder / "peer.py", library, "cpu"], input="".join(line + "\n" for line in lines), text=True,
                          capture_output=True, env={**os.environ, **environment}, timeout=100)
    expect(done.returncode == 0, f"peer.py {library} failed: {done.stderr}")
    return done.stdout.splitlines()


def main():
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        program = Path(name) / "benchncnn"
        program.write_text(FAKE, encoding="utf-8")
        program.chmod(0o755)
        (Path(name) / "mobilenet_v2.param").touch()
        path = name + os.pathsep + os.environ["PATH"]
        work = "network=mobilenet_v2 width=1.0 size=224 channels=3 classes=1000"
        answers = talk(folder, "ncnn", [f"prepare infer {work} batch=1", "time 0", f"prepare infer {work} batch=8",
                                        f"prepare train {work} batch=1", "forget"], PATH=path, LEMNOS_NCNN_MODELS=name)
        expect(answers[0].startswith("ready ncnn"), f"benchncnn is not found: {answers}")
        expect(answers[1:3] == ["prepared 0", "seconds 0.112500000"], f"its time is not taken: {answers}")
        expect(all(answer.startswith("missing ") for answer in answers[3:5]), f"it does what it cannot do: {answers}")
        expect(answers[5] == "forgotten", f"nothing is forgotten: {answers}")
        answers = talk(folder, "ncnn", [], PATH=path, LEMNOS_NCNN_MODELS="")
        expect("LEMNOS_NCNN_MODELS" in answers[0], f"what is missing is not named: {answers}")
    expect(talk(folder, "caffe", []) == ["missing there is no peer caffe"], "an unknown library is not named")

    sys.path.insert(0, str(folder))
    try:
        import networks
    except ImportError:
        print("PyTorch is not installed, so its networks are not looked at.")
        return
    for words, parameters in PARAMETERS.items():
        network = networks.build(dict(word.split("=") for word in words.split()))
        count = sum(parameter.numel() for parameter in network.parameters())
        expect(count == parameters, f"PyTorch's {words} has {count} parameters instead of {parameters}")


if __name__ == "__main__":
    main()
