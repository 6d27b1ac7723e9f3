"""Another library, measured in the rounds of lemnos_bench: prepares work when asked to, and times it once whenever asked to.

    peer.py LIBRARY cpu|gpu               LIBRARY: pytorch, onnxruntime or ncnn
    peer.py pytorch cpu|gpu first-step    one train step of a small network, then "done"

The first line says "ready NAME" or "missing REASON". Then a line of input is answered by one of output:

    prepare WORK name=value ...   "prepared NUMBER", or "missing REASON" where the library cannot do that
    time NUMBER                   "seconds X": the work once, until its results are there
    forget                        "forgotten": all that was prepared

WORK is infer or train (network, batch, size, channels, classes, width …; precision=mixed), optimizer (kind, parameters) or
product (size, precision).
"""

import sys
import time


class Missing(Exception):
    """Why something cannot be measured."""


def load(library, gpu):
    try:
        if library == "pytorch":
            import with_pytorch as module
        elif library == "onnxruntime":
            import with_onnxruntime as module
        elif library == "ncnn":
            import with_ncnn as module
        else:
            raise Missing(f"there is no peer {library}")
        return module.Library(gpu)
    except ImportError as error:
        raise Missing("not installed" if error.name in (library, "torch") else f"not installed ({error.name} is missing)")


def serve(library):
    prepared = []
    for line in sys.stdin:
        words = line.split()
        if words[0] == "forget":
            prepared = [None] * len(prepared)  # numbers are not given twice
            library.forget()
            say("forgotten")
        elif words[0] == "prepare":
            try:
                prepared.append(library.prepare(words[1], dict(word.split("=", 1) for word in words[2:])))
                say(f"prepared {len(prepared) - 1}")
            except Exception as error:  # whatever another library throws, memory that ran out included
                say("missing " + (str(error).split("\n")[0] or type(error).__name__))
        else:
            run = prepared[int(words[1])]
            start = time.perf_counter()
            own = run()  # a library that can be timed only by itself says the seconds
            say(f"seconds {own or time.perf_counter() - start:.9f}")


def say(line):
    print(line, flush=True)


def main():
    try:
        library = load(sys.argv[1], sys.argv[2] == "gpu")
        if sys.argv[3:] == ["first-step"]:
            library.first_step()
            say("done")
            return
        say("ready " + library.name)
    except Exception as error:
        say("missing " + (str(error).split("\n")[0] or type(error).__name__))
        return
    serve(library)


if __name__ == "__main__":
    main()
