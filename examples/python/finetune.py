"""Fine-tunes MobileNetV2 on a folder of photos and draws how it went.

    python finetune.py PHOTOS [WEIGHTS]

PHOTOS holds train/CLASS/ and test/CLASS/ with JPEG or PNG files; WEIGHTS is a safetensors file in torchvision's names, of
which everything but the classifier is taken. Leaves photos.safetensors and photos.png.
"""

import sys

import lemnos
from lemnos import plot


def main(photos, weights=None, resolution=96, epochs=5, batch=16):
    train = lemnos.Dataset.open(photos, "train", height=resolution, width=resolution)
    test = lemnos.Dataset.open(photos, "test", height=resolution, width=resolution)
    with lemnos.Device() as device:
        model = lemnos.Model.build(device, "mobilenet_v2", width=1.0, resolution=resolution, classes=len(train.class_names))
        model.prepare(train)
        if weights:
            print("taken from the file:", model.load_matching(weights)["loaded"], "tensors")
        optimizer = lemnos.Optimizer("radam", rate=1e-3 if weights else 5e-3)
        trainer = lemnos.Trainer(model, train, optimizer, "one_cycle", epochs=epochs, batch=batch, flip=True)
        history = trainer.run(progress=True)
        print(f"{model.evaluate(test).accuracy:.1%} of the test photos are recognised.")
        model.save("photos.safetensors")

        from matplotlib import pyplot

        _, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
        plot.curves(history, left)
        plot.confusion_matrix(plot.confusion(model, test), test.class_names, right)
        pyplot.savefig("photos.png")
        pyplot.show()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
