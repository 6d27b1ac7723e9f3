"""ONNX Runtime on the CPU or through CUDA. The models that it reads are written by PyTorch."""

import io

import onnxruntime  # before what it needs itself: what is missing is named
import numpy


class Library:
    def __init__(self, gpu):
        provider = "CUDAExecutionProvider" if gpu else "CPUExecutionProvider"
        if provider not in onnxruntime.get_available_providers():
            raise RuntimeError(f"ONNX Runtime {onnxruntime.__version__} is installed, but has no {provider}")
        self.provider = provider
        self.name = f"ONNX Runtime {onnxruntime.__version__}, {provider}"

    def prepare(self, work, options):
        if work != "infer":
            raise RuntimeError("ONNX Runtime is measured in inference alone")
        try:
            import torch

            import networks
        except ImportError:
            raise RuntimeError("PyTorch, which writes the model for it, is not installed")
        shape = [int(options[name]) for name in ("batch", "channels", "size", "size")]
        file = io.BytesIO()
        torch.onnx.export(networks.build(options).eval(), torch.rand(shape), file, input_names=["images"])
        session = onnxruntime.InferenceSession(file.getvalue(), providers=[self.provider])
        images = numpy.random.default_rng(1).random(shape, dtype=numpy.float32)
        return lambda: session.run(None, {"images": images})

    def forget(self):
        pass
