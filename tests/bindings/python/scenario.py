"""The scenario (../scenario.md) in Python."""

import array
import os
import struct
import sys

import lemnos
from lemnos import operators


def hexadecimal(*numbers):
    return " ".join(struct.pack(">f", number).hex() for number in numbers)


def make_images():
    pixels, state = bytearray(), 12345
    for label in (image % 4 for image in range(64)):
        for row in range(28):
            for column in range(28):
                state = (state * 1664525 + 1013904223) % 2**32
                pixels.append((180 if row // 14 * 2 + column // 14 == label else 20) + (state >> 24) % 40)
    return memoryview(pixels).cast("B", (64, 28, 28, 1)), array.array("i", [image % 4 for image in range(64)])


def write_pictures(folder):
    boxes, state = ["file,class,xmin,ymin,xmax,ymax"], 12345
    for number in range(8):
        name, top, left = "dark" if number % 2 else "bright", 8 * (number % 4), 8 * (number // 4)
        picture = bytearray()
        for row in range(64):
            for column in range(64):
                inside = top <= row < top + 32 and left <= column < left + 32
                state = (state * 1664525 + 1013904223) % 2**32
                picture.append((110 if not inside else 20 if number % 2 else 220) + (state >> 24) % 20)
        boxes.append(f"{number}.png,{name},{left},{top},{left + 32},{top + 32}")
        lemnos.image_write_png(os.path.join(folder, f"{number}.png"), memoryview(picture).cast("B", (64, 64, 1)))
    with open(os.path.join(folder, "boxes.csv"), "w") as file:
        file.write("\n".join(boxes) + "\n")


def detect(device, folder):
    write_pictures(folder)
    dataset = lemnos.Dataset.open(folder, "train", height=64, width=64, channels=1)
    print("pictures", len(dataset), "boxes", dataset.info()["boxes"])
    for box in dataset.boxes(5):
        print("box", box.name, hexadecimal(box.top, box.left, box.bottom, box.right))
    detector = lemnos.Model.build(
        device, "ssdlite_mobilenet_v2", seed=2, width=0.1, resolution=64, channels=1, classes=2
    )
    detector.prepare(dataset)
    print("detector", detector.summary()["parameters"], "parameters")

    optimizer = lemnos.Optimizer("radam", rate=0.01)
    trainer = lemnos.Trainer(detector, dataset, optimizer, "constant", batch=4, micro_batch=4, epochs=3, seed=5)
    while trainer.step():
        at = trainer.progress(wait=True)
        print("step", at.step, "loss", hexadecimal(at.loss))
    print("average precision", hexadecimal(detector.evaluate_boxes(dataset)["map_50"]))
    for found in lemnos.Predictor(detector, 4, score=0.05, limit=3).detect(dataset[0].pixels)[0]:
        print("object", found.name, hexadecimal(*found[1:]))
    return detector


def evaluate(word, model, dataset):
    metrics = model.evaluate(dataset, batch=16)
    print(word, metrics.correct, "of", metrics.images, "loss", hexadecimal(metrics.loss))


def provoke(call):
    try:
        call()
    except lemnos.LemnosError as error:
        print(f"error {error.code}: {error.message}")


def main(folder):
    device = lemnos.Device()
    pixels, labels = make_images()
    dataset = lemnos.Dataset.create(pixels, labels, classes=4)
    info = dataset.info()
    print("dataset", info["size"], "images", info["classes"], "classes")

    model = lemnos.Model.build(
        device, "mobilenet_v2", seed=1, preset="small28", width=0.1, channels=1, classes=4, norm="ghost:4"
    )
    model.prepare(dataset)
    print("model", model.summary()["parameters"], "parameters")

    optimizer = lemnos.Optimizer("radam", rate=0.01)
    schedule = lemnos.Schedule("grow_batch", milestones=[1, 3], factor=2, largest_batch=32)
    trainer = lemnos.Trainer(model, dataset, optimizer, schedule, batch=8, micro_batch=8, epochs=5, seed=5)
    print("steps", trainer.progress(wait=True).steps)
    while trainer.step():
        at = trainer.progress(wait=True)
        print("step", at.step, "batch", at.batch, "loss", hexadecimal(at.loss), end=" ")
        print("accuracy", hexadecimal(at.accuracy), "rate", hexadecimal(at.rate))
    evaluate("evaluation", model, dataset)

    path = os.path.join(folder, "scenario.safetensors")
    model.save(path)
    loaded = lemnos.Model.load(device, path)
    evaluate("reloaded", loaded, dataset)
    print("bias", hexadecimal(*loaded.read("classifier.1.bias", 4)))

    rows = lemnos.Predictor(loaded, batch=2).run(pixels.cast("B")[: 3 * 28 * 28])
    for number, row in enumerate(rows.tolist()):
        print(f"image {number}:", hexadecimal(*row))

    graph = lemnos.Graph()
    x, target = graph.input("x", [3]), graph.input("target", [3])
    loss = operators.mean_squared_error(x, target)
    [gradient] = graph.gradients(loss, [x])
    tensors = {value: lemnos.Tensor(device, value.shape) for value in (x, target, loss, gradient)}
    tensors[x].write([1, 2, 3])
    tensors[target].write([1, 1, 1])
    lemnos.Plan(device, graph, tensors).run()
    print("loss", hexadecimal(tensors[loss].item()), "gradient", hexadecimal(*tensors[gradient].tolist()))

    detector = detect(device, folder)

    provoke(lambda: lemnos.Model.build(device, "mobilenet_v3"))
    provoke(lambda: lemnos.Optimizer("radam", beta=0.9))
    provoke(lambda: lemnos.Trainer(detector, dataset, "radam", schedule))
    device.close()
    provoke(lambda: tensors[gradient].read())


if __name__ == "__main__":
    main(sys.argv[1])
