"""What the experiments share: balanced subsets of Fashion-MNIST, trainings by the command `lemnos` whose results are kept
in files, so that a second call goes on where the first one was stopped, and the mean and deviation over seeds."""
import argparse
import gzip
import json
import statistics
import struct
import subprocess
import sys
from pathlib import Path
from typing import Callable, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SIDE = 28


class Images(NamedTuple):
    pixels: list  # the bytes of each image, row by row
    labels: bytes
    side: int


def read_images(source: Path, split: str) -> Images:
    """`split` is train or t10k, as the files are named."""
    pixels = gzip.open(source / f"{split}-images-idx3-ubyte.gz").read()[16:]
    labels = gzip.open(source / f"{split}-labels-idx1-ubyte.gz").read()[8:]
    size = SIDE * SIDE
    return Images([pixels[at: at + size] for at in range(0, len(pixels), size)], labels, SIDE)


def balanced(images: Images, count: int, skipped: int = 0) -> Images:
    """As many of each class, count in all, in the order of the files, after the first ones that are skipped, likewise."""
    seen = [0] * 10
    chosen = []
    for index, label in enumerate(images.labels):
        if skipped // 10 <= seen[label] < (skipped + count) // 10:
            chosen.append(index)
        seen[label] += 1
    return Images([images.pixels[index] for index in chosen], bytes(images.labels[index] for index in chosen), images.side)


def write_images(folder: Path, split: str, images: Images) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    count = len(images.labels)
    (folder / f"{split}-images-idx3-ubyte").write_bytes(
        struct.pack(">IIII", 2051, count, images.side, images.side) + b"".join(images.pixels))
    (folder / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, count) + images.labels)


def kept(result: Path, work: Callable[[], dict]) -> dict:
    """What work() gives, which is written to a file; where the file is there, what it says."""
    if not result.exists():
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_text(json.dumps(work()))
    return json.loads(result.read_text())


def call(command: list) -> subprocess.CompletedProcess:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 130 or "--resume" in done.stdout:
        sys.exit("Stopped; the same command goes on.")
    return done


def answer_of(command: list) -> dict:
    """The JSON that a command of `lemnos` prints."""
    done = call([*command, "--json"])
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def train(lemnos: str, data: Path, model: Path, options: list) -> dict:
    """Trains into the file `model`, with the metrics beside it, and says what came out."""
    command = [lemnos, "train", "--data", str(data), *options, "--json", "--metrics", str(model.with_suffix(".csv")),
               "--out", str(model)]
    done = call(command)
    if done.returncode != 0:
        # A rate may be too high for an optimizer: that is a result, too.
        if "not finite" not in done.stderr:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        return {"diverged": True, "accuracy": 0.1}
    printed = json.loads(done.stdout)
    return {"diverged": False, "accuracy": printed["test"]["accuracy"], "steps": printed["steps"], "seconds": printed["seconds"]}


def spread(values: list) -> str:
    """Mean and standard deviation of shares, in percent; of one value there is no deviation."""
    mean = f"{100 * statistics.mean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ± {100 * deviation(values):.2f}"


def deviation(values: list) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0


def figures():
    """matplotlib's pyplot, which draws to files; None where it is not installed."""
    try:
        import matplotlib
    except ImportError:
        print("The figures need matplotlib (Debian: python3-matplotlib); the table is there.")
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot
    return pyplot


def base_parser(description: str, data: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lemnos", default=str(ROOT / "build/release/lemnos"))
    parser.add_argument("--data", type=Path, default=data)
    return parser


def options_parser(description: str, images: int, seeds: int) -> argparse.ArgumentParser:
    parser = base_parser(description, Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--images", type=int, default=images, help=f"training images, as many of each class ({images})")
    parser.add_argument("--seeds", type=int, default=seeds, help=f"how many ({seeds})")
    return parser


def parse_options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    options = parser.parse_args()
    if not 10 <= options.images <= 60000 or options.images % 10 != 0:
        parser.error(f"--images {options.images} is not a multiple of 10 from 10 to 60000")
    if options.seeds < 1:
        parser.error(f"--seeds {options.seeds} is less than 1")
    require_command(parser, options.lemnos)
    return options


def require_command(parser: argparse.ArgumentParser, lemnos: str) -> None:
    if not Path(lemnos).exists():
        parser.error(f"{lemnos} does not exist; scripts/demo builds it")
