"""The benchmark's networks for PyTorch, layer by layer those of Lemnos (engine/models), without torchvision."""

from torch import nn


def convolution(inputs, outputs, kernel=3, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)


def unit(inputs, outputs, kernel=3, stride=1, groups=1, activation=nn.ReLU6):
    layers = [convolution(inputs, outputs, kernel, stride, groups), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([activation(inplace=True)] if activation else []))


class Classifier(nn.Module):
    def __init__(self, features, channels, classes, dropout=0):
        super().__init__()
        self.features = features
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x):
        return self.classifier(self.dropout(self.features(x).mean((2, 3))))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, factor):
        super().__init__()
        inner = inputs * factor
        layers = [] if factor == 1 else [unit(inputs, inner, 1)]
        self.layers = nn.Sequential(*layers, unit(inner, inner, 3, stride, inner), unit(inner, outputs, 1, activation=None))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.layers(x) if self.adds else self.layers(x)


def multiple_of_8(channels):
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


PRESETS = {  # stem stride, strides of the stages, channels of the head
    "imagenet": (2, (1, 2, 2, 2, 1, 2, 1), 1280),
    "small28": (2, (1, 1, 2, 2, 1, 2, 1), 256),
    "small32": (1, (1, 1, 2, 2, 1, 2, 1), 1280),
}


def mobilenet_v2(channels, classes, width=1.0, preset="imagenet"):
    stem_stride, strides, head = PRESETS[preset]
    head = multiple_of_8(head * max(1.0, width))
    inputs = multiple_of_8(32 * width)
    layers = [unit(channels, inputs, 3, stem_stride)]
    stages = zip((1, 6, 6, 6, 6, 6, 6), (16, 24, 32, 64, 96, 160, 320), (1, 2, 3, 4, 3, 3, 1), strides)
    for factor, outputs, blocks, stride in stages:
        outputs = multiple_of_8(outputs * width)
        for block in range(blocks):
            layers.append(InvertedResidual(inputs, outputs, stride if block == 0 else 1, factor))
            inputs = outputs
    return Classifier(nn.Sequential(*layers, unit(inputs, head, 1)), head, classes, dropout=0.2)


class Residual(nn.Module):
    """ResNet's block: two convolutions of 3 x 3, or a bottleneck."""

    def __init__(self, inputs, inner, outputs, stride, bottleneck):
        super().__init__()
        if bottleneck:
            units = [unit(inputs, inner, 1, activation=nn.ReLU), unit(inner, inner, 3, stride, activation=nn.ReLU),
                     unit(inner, outputs, 1, activation=None)]
        else:
            units = [unit(inputs, inner, 3, stride, activation=nn.ReLU), unit(inner, outputs, 3, activation=None)]
        self.layers = nn.Sequential(*units)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else unit(inputs, outputs, 1, stride, activation=None)

    def forward(self, x):
        return nn.functional.relu(self.layers(x) + self.shortcut(x), inplace=True)


def resnet(channels, classes, blocks, bottleneck):
    layers, inputs = [unit(channels, 64, 7, 2, activation=nn.ReLU), nn.MaxPool2d(3, 2, 1)], 64
    for stage, count in enumerate(blocks):
        inner = 64 << stage
        outputs = inner * 4 if bottleneck else inner
        for block in range(count):
            layers.append(Residual(inputs, inner, outputs, 2 if stage > 0 and block == 0 else 1, bottleneck))
            inputs = outputs
    return Classifier(nn.Sequential(*layers), inputs, classes)


class WideBlock(nn.Module):
    """Pre-activated, as in wide residual networks (arXiv 1605.07146)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(inplace=True))
        self.layers = nn.Sequential(convolution(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
                                    convolution(outputs, outputs))
        self.shortcut = None if stride == 1 and inputs == outputs else convolution(inputs, outputs, 1, stride)

    def forward(self, x):
        activated = self.first(x)
        return self.layers(activated) + (self.shortcut(activated) if self.shortcut else x)


def wrn(channels, classes, depth, width):
    layers, inputs = [convolution(channels, 16)], 16
    for stage in range(3):
        outputs = (16 << stage) * width
        for block in range((depth - 4) // 6):
            layers.append(WideBlock(inputs, outputs, 2 if stage > 0 and block == 0 else 1))
            inputs = outputs
    return Classifier(nn.Sequential(*layers, nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)), inputs, classes)


def build(options):
    name, channels, classes = options["network"], int(options["channels"]), int(options["classes"])
    if name == "mobilenet_v2":
        return mobilenet_v2(channels, classes, float(options["width"]), options.get("preset", "imagenet"))
    if name == "resnet18":
        return resnet(channels, classes, (2, 2, 2, 2), bottleneck=False)
    if name == "resnet50":
        return resnet(channels, classes, (3, 4, 6, 3), bottleneck=True)
    if name == "wrn":
        return wrn(channels, classes, int(options["depth"]), int(options["width"]))
    raise ValueError(f"there is no network {name} here")
