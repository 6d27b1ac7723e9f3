#!/usr/bin/env python3
"""usage: oracle.py SUBJECT FILE [SEED]

Lets PyTorch compute and writes down what went in and what came out, for tests that compare Lemnos with it (oracle.h).
SUBJECT is a module beside this one: optimizers, normalisation or losses. Ends with 77 where torch or numpy cannot be imported.

A file is a sequence of records, each a line of text and then numbers (float64, little-endian); the subject says which.
"""

import importlib
import os
import sys

try:
    import numpy
    import torch
except ImportError as error:
    print(f"{sys.executable} cannot import torch and numpy ({error}).")
    sys.exit(77)

sys.dont_write_bytecode = True  # into the folder of the sources
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def text(value):
    return value if isinstance(value, str) else repr(value)


def generate(subject, path, seed):
    torch.set_num_threads(1)
    with open(path, "wb") as out:
        def record(words, arrays):
            out.write((" ".join(text(word) for word in words) + "\n").encode())
            for array in arrays:
                assert numpy.isfinite(array).all()
                out.write(array.astype("<f8").tobytes())

        importlib.import_module(subject).generate(record, seed)
    print(f"torch {torch.__version__}, seed {seed}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    generate(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) == 4 else 20190603)
