"""Writes a Darknet model as a frozen TensorFlow graph.

    write_darknet.py CFG WEIGHTS OUT.pb [unfused] [bias-add] [maximum] [decoded] [nchw]
                     [open-size] [shape-of] [half]

unfused: batch norm as Rsqrt, Mul, Sub and Add of constants; bias-add: folded into kernel and
BiasAdd. maximum: leaky as Maximum(x * .1, x). decoded: with some of the decoding of boxes behind
the heads. shape-of: the size of an upsampled map is computed from the map. half: float16 kernels.

Messages are written by hand, by the numbers of their fields.
"""

import os
import struct
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../keras/testing"))
from darknet_model import Model  # noqa: E402

FLOAT, INT32, HALF = 1, 3, 19
EPSILON = 1e-3


def varint(number):
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, value):
    """Text, bytes and messages with their length; whole numbers; floats."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3) + varint(value)


def shape(sides):
    return b"".join(field(2, field(1, int(side))) for side in sides)


def tensor(array):
    kind = {"f4": FLOAT, "i4": INT32, "f2": HALF}[array.dtype.str[1:]]
    content = field(4, array.tobytes())
    if array.ndim == 0:  # TensorFlow writes single numbers as such
        content = field(7, int(array)) if kind == INT32 else field(5, float(array))
    return field(1, kind) + field(2, shape(array.shape)) + content


class Graph:
    def __init__(self, model, flags):
        self.model, self.flags, self.bytes = model, flags, b""
        self.format = "NCHW" if "nchw" in flags else "NHWC"

    def node(self, op, name, inputs=(), **attributes):
        out = field(1, name) + field(2, op) + b"".join(field(3, i) for i in inputs)
        for key, value in attributes.items():
            out += field(5, field(1, key) + field(2, value))
        self.bytes += field(1, out)
        return name

    def const(self, name, array):
        array = np.asarray(array, order="C")
        kind = {"f4": FLOAT, "i4": INT32, "f2": HALF}[array.dtype.str[1:]]
        return self.node("Const", name, dtype=field(6, kind), value=field(8, tensor(array)))

    def floats(self, name, array):
        return self.const(name, np.asarray(array, "<f4"))

    def ints(self, name, array):
        return self.const(name, np.asarray(array, "<i4"))

    def list_of(self, rows, columns):
        sides = [1, 1, rows, columns] if self.format == "NCHW" else [1, rows, columns, 1]
        return field(1, field(3, b"".join(varint(s) for s in sides)))

    def conv_kernel(self, name, layer, factor):
        kernel = layer.kernel * factor.reshape(-1, 1, 1, 1)
        kernel = kernel.transpose(2, 3, 0, 1) if layer.groups > 1 else kernel.transpose(2, 3, 1, 0)
        kernel = kernel.astype("<f2" if "half" in self.flags else "<f4")
        read = self.const(name + "/kernel", kernel)
        if "half" in self.flags:
            read = self.node("Cast", name + "/kernel/cast", [read], SrcT=field(6, HALF),
                             DstT=field(6, FLOAT))
        return self.node("Identity", name + "/kernel/read", [read])

    def convolution(self, i, layer, source):
        name = f"layer{i}"
        size, stride = layer.number("size"), layer.number("stride", 1)
        padding = "SAME"
        if layer.number("pad") == 0 or size == 1:
            padding = "VALID"
        elif stride == 2:
            sides = [[size // 2, size // 2 - 1]] * 2
            sides = [[0, 0]] * 2 + sides if self.format == "NCHW" else [[0, 0]] + sides + [[0, 0]]
            pads = self.ints(name + "/paddings", sides)
            source = self.node("Pad", name + "/pad", [source, pads])
            padding = "VALID"
        folded = layer.norm and "bias-add" in self.flags
        factor = np.ones(layer.channels)
        if folded:
            factor = layer.gamma / (np.sqrt(layer.variance.astype("f8")) + 1e-6)
        kernel = self.conv_kernel(name, layer, factor)
        op = "DepthwiseConv2dNative" if layer.groups > 1 else "Conv2D"
        made = self.node(op, name + "/conv", [source, kernel], T=field(6, FLOAT),
                         strides=self.list_of(stride, stride), padding=field(2, padding),
                         data_format=field(2, self.format), dilations=self.list_of(1, 1))
        if layer.norm and not folded:
            made = self.norm(name, layer, made)
        else:
            bias = layer.bias - layer.mean * factor if folded else layer.bias
            bias = self.floats(name + "/bias", bias)
            made = self.node("BiasAdd", name + "/bias_add", [made, bias], T=field(6, FLOAT),
                             data_format=field(2, self.format))
        return self.activation(name, layer.options.get("activation", "linear"), made)

    def norm(self, name, layer, made):
        gamma, n = self.model.gamma_for(layer, EPSILON), layer.channels
        constants = [self.floats(f"{name}/bn/{part}", numbers) for part, numbers in (
            ("gamma", gamma), ("beta", layer.bias), ("mean", layer.mean),
            ("variance", layer.variance))]
        if "unfused" not in self.flags:
            return self.node("FusedBatchNormV3", name + "/bn", [made] + constants,
                             T=field(6, FLOAT), U=field(6, FLOAT), epsilon=field(4, EPSILON),
                             is_training=field(5, 0), data_format=field(2, self.format))
        gamma, beta, mean, variance = constants
        epsilon = self.floats(name + "/bn/epsilon", np.full((), EPSILON))
        root = self.node("AddV2", name + "/bn/add", [variance, epsilon], T=field(6, FLOAT))
        root = self.node("Rsqrt", name + "/bn/Rsqrt", [root], T=field(6, FLOAT))
        scale = self.node("Mul", name + "/bn/mul", [root, gamma], T=field(6, FLOAT))
        shift = self.node("Mul", name + "/bn/mul_2", [mean, scale], T=field(6, FLOAT))
        shift = self.node("Sub", name + "/bn/sub", [beta, shift], T=field(6, FLOAT))
        made = self.node("Mul", name + "/bn/mul_1", [made, scale], T=field(6, FLOAT))
        return self.node("AddV2", name + "/bn/add_1", [made, shift], T=field(6, FLOAT))

    def activation(self, name, kind, made):
        if kind == "relu":
            return self.node("Relu", name + "/relu", [made], T=field(6, FLOAT))
        if kind == "leaky" and "maximum" in self.flags:
            slope = self.floats(name + "/slope", np.full((), 0.1))
            low = self.node("Mul", name + "/low", [slope, made], T=field(6, FLOAT))
            return self.node("Maximum", name + "/leaky", [low, made], T=field(6, FLOAT))
        if kind == "leaky":
            return self.node("LeakyRelu", name + "/leaky", [made], T=field(6, FLOAT),
                             alpha=field(4, 0.1))
        return made

    def upsample(self, i, source, step, rows, columns):
        name = f"layer{i}"
        if "shape-of" in self.flags:
            whole = self.node("Shape", name + "/shape", [source], T=field(6, FLOAT))
            cut = [self.ints(f"{name}/cut{k}", [n]) for k, n in enumerate((1, 3, 1))]
            size = self.node("StridedSlice", name + "/sides", [whole] + cut, T=field(6, INT32))
            steps = self.ints(name + "/steps", [step, step])
            size = self.node("Mul", name + "/size", [size, steps], T=field(6, INT32))
        else:
            size = self.ints(name + "/size", [rows * step, columns * step])
        return self.node("ResizeNearestNeighbor", name + "/up", [source, size], T=field(6, FLOAT))

    def decode(self, i, source):
        """Some of what stands behind a head: enough to see that it is left out."""
        name = f"decode{i}"
        self.node("Sigmoid", name + "/all", [source], T=field(6, FLOAT))
        boxes = self.node("Reshape", name + "/boxes", [
            source, self.ints(name + "/form", [-1, 3, self.model.layers[i].channels // 3])])
        cut = [self.ints(f"{name}/cut{k}", n) for k, n in
               enumerate(([0, 0, 2], [0, 0, 4], [1, 1, 1]))]
        size = self.node("StridedSlice", name + "/wh", [boxes] + cut, T=field(6, FLOAT))
        return self.node("Exp", name + "/exp", [size], T=field(6, FLOAT))

    def run(self):
        model = self.model
        rows, columns = model.height, model.width
        sides = [-1, model.channels, rows, columns] if self.format == "NCHW" else \
            [-1, rows, columns, model.channels]
        if "open-size" in self.flags:
            sides = [-1, -1, -1, model.channels]
        made = {-1: self.node("Placeholder", "input", dtype=field(6, FLOAT),
                              shape=field(7, shape(sides)))}
        places = {-1: (rows, columns)}
        for i, layer in enumerate(model.layers):
            name, inputs = f"layer{i}", [made[k] for k in layer.inputs]
            places[i] = places[layer.inputs[0]]
            stride = layer.number("stride", 1)
            if layer.kind == "convolutional":
                made[i] = self.convolution(i, layer, inputs[0])
                places[i] = tuple(-(-side // stride) for side in places[i])
            elif layer.kind == "maxpool":
                size = layer.number("size")
                made[i] = self.node("MaxPool", name + "/pool", inputs, T=field(6, FLOAT),
                                    ksize=self.list_of(size, size), padding=field(2, "SAME"),
                                    strides=self.list_of(stride, stride),
                                    data_format=field(2, self.format))
                places[i] = tuple(-(-side // stride) for side in places[i])
            elif layer.kind == "upsample":
                made[i] = self.upsample(i, inputs[0], layer.number("stride", 2), *places[i])
                places[i] = tuple(side * layer.number("stride", 2) for side in places[i])
            elif layer.kind == "route" and len(inputs) > 1:
                axis = self.ints(name + "/axis", np.array(1 if self.format == "NCHW" else 3))
                made[i] = self.node("ConcatV2", name + "/concat", inputs + [axis],
                                    T=field(6, FLOAT), N=field(3, len(inputs)))
            elif layer.kind == "shortcut":
                made[i] = self.activation(name, layer.options.get("activation", "linear"),
                                          self.node("Add", name + "/add", inputs, T=field(6, FLOAT)))
            else:  # dropout, a route to one layer
                made[i] = inputs[0]
            if layer.kind == "yolo":
                if "decoded" in self.flags:
                    self.decode(i, inputs[0])
                else:
                    self.node("Identity", f"head{i}", inputs, T=field(6, FLOAT))


def main():
    cfg, weights, out, *flags = sys.argv[1:]
    graph = Graph(Model(cfg, weights), flags)
    graph.run()
    with open(out, "wb") as file:
        file.write(graph.bytes)


main()
