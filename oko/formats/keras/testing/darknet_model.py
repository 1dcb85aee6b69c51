"""Reads a Darknet .cfg and its .weights, for the scripts that write test files in other formats.

It shares nothing with the readers of this project: what they make of a file is compared with what
a script that knows Darknet alone has put there.
"""

import numpy as np


def read_cfg(path):
    """The sections as [name, {key: value}]."""
    sections = []
    for line in open(path, encoding="utf-8"):
        line = line.split("#")[0].strip()
        if line.startswith("["):
            sections.append([line[1:-1], {}])
        elif "=" in line:
            key, value = line.split("=", 1)
            sections[-1][1][key.strip()] = value.strip()
    return sections


class Layer:
    def __init__(self, kind, options):
        self.kind = kind
        self.options = options
        self.inputs = []  # indices of layers, -1 for the picture
        self.channels = 0

    def number(self, key, default=0):
        return int(self.options.get(key, default))


class Model:
    """Layers with their inputs, channel counts and weights (kernel as out, in, rows, columns)."""

    def __init__(self, cfg, weights, width=0, height=0):
        (_, net), *sections = read_cfg(cfg)
        self.width = width or int(net["width"])
        self.height = height or int(net["height"])
        self.channels = int(net["channels"])
        self.layers = []
        numbers = np.fromfile(weights, dtype="<f4", offset=20)
        self._used = 0
        for kind, options in sections:
            layer = Layer(kind, options)
            index = len(self.layers)
            layer.inputs = [index - 1]
            if kind == "route":
                layer.inputs = [self._absolute(index, n) for n in options["layers"].split(",")]
            elif kind == "shortcut":
                layer.inputs.append(self._absolute(index, options["from"]))
            sizes = [self.channels_of(i) for i in layer.inputs]
            layer.channels = sum(sizes) if kind == "route" else sizes[0]
            if kind == "convolutional":
                self._load(layer, numbers)
            self.layers.append(layer)
        if self._used != len(numbers):
            raise SystemExit(f"{weights}: {len(numbers)} numbers, {self._used} wanted")

    @staticmethod
    def _absolute(index, text):
        number = int(text)
        return number if number >= 0 else index + number

    def channels_of(self, index):
        return self.channels if index < 0 else self.layers[index].channels

    def _take(self, numbers, count):
        part = numbers[self._used : self._used + count]
        self._used += count
        return part

    def _load(self, layer, numbers):
        n, size = layer.number("filters"), layer.number("size")
        groups = layer.number("groups", 1)
        layer.norm = layer.number("batch_normalize") == 1
        layer.bias = self._take(numbers, n)
        if layer.norm:
            layer.gamma, layer.mean, layer.variance = (self._take(numbers, n) for _ in range(3))
        inside = layer.channels // groups
        layer.kernel = self._take(numbers, n * inside * size * size)
        layer.kernel = layer.kernel.reshape(n, inside, size, size)
        layer.groups = groups
        layer.channels = n

    @staticmethod
    def gamma_for(layer, epsilon):
        """The gamma with which variance + epsilon under the root does what Darknet's does."""
        variance = layer.variance.astype("f8")
        root = np.sqrt(variance) + 1e-6
        return (layer.gamma * np.sqrt(variance + epsilon) / root).astype("<f4")
