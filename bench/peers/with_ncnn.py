"""ncnn by its own program benchncnn, where that is in the path, and LEMNOS_NCNN_MODELS names the folder of its models
(benchmark/ in ncnn's sources). One run of the program is one time, which is its own figure and excludes its start; it needs a
version that takes param= and shape=."""

import os
import re
import shutil
import subprocess

MODELS = {"mobilenet_v2": "mobilenet_v2.param", "resnet18": "resnet18.param", "resnet50": "resnet50.param"}


class Library:
    def __init__(self, gpu):
        self.program = shutil.which("benchncnn")
        self.models = os.environ.get("LEMNOS_NCNN_MODELS", "")
        if not self.program:
            raise ImportError("benchncnn is not in the path", name="ncnn")
        if not os.path.isdir(self.models):
            raise RuntimeError("benchncnn is installed, but LEMNOS_NCNN_MODELS names no folder with its models")
        # On a machine without a GPU the first Vulkan device is software, which is what Lemnos runs on there.
        self.name = "ncnn on the first Vulkan device"

    def prepare(self, work, options):
        model = os.path.join(self.models, MODELS.get(options.get("network"), ""))
        usual = options.get("size") == "224" and float(options.get("width", 1)) == 1 and options.get("batch") == "1"
        if work != "infer" or not usual or not os.path.isfile(model):
            raise RuntimeError("benchncnn has no such work: it infers its own models, one image at a time")
        threads = len(os.sched_getaffinity(0))
        command = [self.program, "1", str(threads), "0", "0", "0", f"param={model}", "shape=[224,224,3]"]

        def run():
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = re.search(r"avg\s*=\s*([0-9.]+)", done.stderr + done.stdout)
            if not found:
                raise RuntimeError("benchncnn prints no time")
            return float(found.group(1)) / 1e3

        run()  # a version that does not know these arguments is found now
        return run

    def forget(self):
        pass
