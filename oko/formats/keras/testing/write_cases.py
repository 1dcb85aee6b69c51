"""Writes small Keras models with what they should give for a picture.

    write_cases.py FOLDER

For each case: NAME.h5, NAME.in.f32 and NAME.out.f32 (float32, channels first). The results are
computed here by the definitions of the layers.
"""

import json
import sys

import h5py
import numpy as np

RANDOM = np.random.default_rng(7)


def uniform(*shape):
    return RANDOM.uniform(-1, 1, shape).astype("<f4")


class Map:
    """A layer's result: rows, columns, channels (or one row of numbers)."""

    def __init__(self, name, value, call=0):
        self.name, self.value, self.call = name, value, call


def same(side, size, stride):
    total = max(0, (-(-side // stride) - 1) * stride + size - side)
    return total // 2, total - total // 2


def windows(x, size, stride, padding, fill):
    if padding == "same":
        x = np.pad(x, [same(x.shape[0], size, stride), same(x.shape[1], size, stride), (0, 0)],
                   constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(x, (size, size), (0, 1))
    return view[::stride, ::stride]  # rows, columns, channels, size, size


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


ACTIVATIONS = {"linear": lambda x: x, "relu": lambda x: np.maximum(x, 0), "softmax": softmax,
               "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "swish": lambda x: x / (1 + np.exp(-x))}


class Graph:
    """Layers are recorded as Keras does, and computed at once."""

    def __init__(self, name, data_format="channels_last"):
        self.name, self.data_format = name, data_format
        self.layers, self.weights = [], []

    def layer(self, kind, name, inputs, config, value, weights=(), call=0):
        inbound = [[m.name, m.call, 0, {}] for m in inputs]
        if call == 0:
            self.layers.append({"class_name": kind, "name": name, "inbound_nodes": [inbound],
                                "config": {"name": name, **config}})
            self.weights.append((name, [(f"{name}/{w}:0", n) for w, n in weights]))
        else:
            next(l for l in self.layers if l["name"] == name)["inbound_nodes"].append(inbound)
        return Map(name, value, call)

    def input(self, name, rows, columns, channels):
        value = RANDOM.uniform(0, 1, (rows, columns, channels)).astype("<f4")
        shape = [None, rows, columns, channels]
        if self.data_format == "channels_first":
            shape = [None, channels, rows, columns]
        self.layers.append({"class_name": "InputLayer", "name": name, "inbound_nodes": [],
                            "config": {"name": name, "batch_input_shape": shape}})
        self.weights.append((name, []))
        self.picture = value
        return Map(name, value.astype("f8"))

    def conv(self, m, name, filters, size, stride=1, padding="same", activation="linear", groups=1,
             kernel=None, call=0):
        inside = m.value.shape[-1] // groups
        if kernel is None:
            kernel = uniform(size, size, inside, filters)
        bias = uniform(filters) if not hasattr(self, "shared") else self.shared
        w = windows(m.value, size, stride, padding, 0)
        outs = [np.einsum("yxcij,ijcf->yxf", w[:, :, g * inside:(g + 1) * inside],
                          kernel[..., g * filters // groups:(g + 1) * filters // groups])
                for g in range(groups)]
        value = ACTIVATIONS[activation](np.concatenate(outs, -1) + bias)
        return self.layer("Conv2D", name, [m], {
            "filters": filters, "kernel_size": [size, size], "strides": [stride, stride],
            "padding": padding, "data_format": self.data_format, "dilation_rate": [1, 1],
            "groups": groups, "activation": activation, "use_bias": True}, value,
            [("kernel", kernel), ("bias", bias)], call)

    def depthwise(self, m, name, size, each):
        channels = m.value.shape[-1]
        kernel = uniform(size, size, channels, each)
        w = windows(m.value, size, 1, "same", 0)
        value = np.einsum("yxcij,ijcm->yxcm", w, kernel).reshape(*m.value.shape[:2], -1)
        return self.layer("DepthwiseConv2D", name, [m], {
            "kernel_size": [size, size], "strides": [1, 1], "padding": "same",
            "depth_multiplier": each, "data_format": self.data_format, "activation": "linear",
            "use_bias": False}, value, [("depthwise_kernel", kernel)])

    def norm(self, m, name, epsilon, scale=True, center=True):
        n = m.value.shape[-1]
        gamma, beta, mean = 1 + uniform(n) / 2, uniform(n), uniform(n)
        variance = (1 + uniform(n) / 2).astype("<f4")
        value = (m.value - mean) / np.sqrt(variance + epsilon)
        value = value * (gamma if scale else 1) + (beta if center else 0)
        weights = [("gamma", gamma)] * scale + [("beta", beta)] * center
        axis = [1] if self.data_format == "channels_first" else [3]
        return self.layer("BatchNormalization", name, [m], {
            "axis": axis, "epsilon": epsilon, "scale": scale, "center": center}, value,
            weights + [("moving_mean", mean), ("moving_variance", variance)])

    def pool(self, m, name, size, stride=None, padding="valid"):
        value = windows(m.value, size, stride or size, padding, -np.inf).max((-2, -1))
        return self.layer("MaxPooling2D", name, [m], {
            "pool_size": [size, size], "strides": [stride, stride] if stride else None,
            "padding": padding, "data_format": self.data_format}, value)

    def dense(self, m, name, units, activation):
        kernel, bias = uniform(m.value.size, units), uniform(units)
        value = ACTIVATIONS[activation](m.value.reshape(-1) @ kernel + bias)
        return self.layer("Dense", name, [m], {"units": units, "activation": activation,
                                               "use_bias": True}, value,
                          [("kernel", kernel), ("bias", bias)])

    def simple(self, kind, name, m, value, **config):
        return self.layer(kind, name, [m] if isinstance(m, Map) else m, config, value)

    def config(self, output):
        first = next(l["name"] for l in self.layers if l["class_name"] == "InputLayer")
        return {"name": self.name, "layers": self.layers, "input_layers": [[first, 0, 0]],
                "output_layers": [[output.name, output.call, 0]]}


def save(folder, name, graph, model, output, dtype="float32", **options):
    with h5py.File(f"{folder}/{name}.h5", "w", **options) as file:
        file.attrs["model_config"] = json.dumps(model)
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = np.array([n.encode() for n, _ in graph.weights])
        for layer, weights in graph.weights:
            group = root.create_group(layer)
            group.attrs["weight_names"] = [w for w, _ in weights]
            for weight, numbers in weights:
                group.create_dataset(weight, data=numbers.astype(dtype))
    graph.picture.transpose(2, 0, 1).astype("<f4").tofile(f"{folder}/{name}.in.f32")
    value = output.value
    if value.ndim == 3:
        value = value.transpose(2, 0, 1)
    value.astype("<f4").tofile(f"{folder}/{name}.out.f32")


def functional(graph, output):
    return {"class_name": "Functional", "config": graph.config(output)}


def layers(folder):
    g = Graph("layers")
    x = g.input("picture", 9, 9, 3)
    a = g.conv(x, "first", 4, 3, 2, activation="swish")
    a = g.depthwise(a, "apart", 3, 2)
    a = g.norm(a, "norm", 0.002, scale=False)
    a = g.simple("ReLU", "up_to_six", a, np.clip(a.value, 0, 6), max_value=6.0, threshold=0.0)
    b = g.conv(a, "grouped", 8, 1, groups=2)
    c = g.simple("Add", "sum", [a, b], a.value + b.value)
    c = g.simple("Activation", "squash", c, ACTIVATIONS["sigmoid"](c.value), activation="sigmoid")
    d = g.pool(c, "pool", 3, 2, "same")
    d = g.norm(d, "alone", 0.001, center=False)
    d = g.simple("UpSampling2D", "twice", d, d.value.repeat(2, 0).repeat(2, 1), size=[2, 2],
                 interpolation="nearest")
    d = g.conv(d, "cut", 2, 2, padding="valid")
    e = g.simple("Concatenate", "both", [c, d], np.concatenate([c.value, d.value], -1), axis=-1)
    e = g.simple("ZeroPadding2D", "border", e, np.pad(e.value, [(1, 0), (0, 2), (0, 0)]),
                 padding=[[1, 0], [0, 2]])
    e = g.simple("Dropout", "drop", e, e.value, rate=0.5)
    e = g.conv(e, "behind", 5, 3, 2, padding="same")
    e = g.simple("LeakyReLU", "leaky", e, np.where(e.value > 0, e.value, 0.1 * e.value), alpha=0.1)
    for name, dtype in (("layers", "float32"), ("layers_double", "float64")):
        save(folder, name, g, functional(g, e), e, dtype)


def half(folder):
    g = Graph("half")
    g.shared = uniform(3).astype("f2").astype("f4")
    x = g.input("picture", 5, 5, 2)
    kernel = uniform(3, 3, 2, 3).astype("f2").astype("f4")
    a = g.conv(x, "one", 3, 3, kernel=kernel)
    save(folder, "half", g, functional(g, a), a, "float16")


def sequential(folder):
    """As Keras 2.1 has it: a list of layers, the first with the input's shape."""
    g = Graph("sequential")
    x = g.input("picture", 8, 8, 2)
    a = g.conv(x, "conv", 4, 3, padding="valid", activation="relu")
    a = g.pool(a, "pool", 2)
    a = g.simple("Flatten", "flat", a, a.value.reshape(-1), data_format="channels_last")
    a = g.dense(a, "hidden", 6, "relu")
    a = g.dense(a, "classes", 3, "softmax")
    listed = [{"class_name": l["class_name"], "config": l["config"]} for l in g.layers[1:]]
    listed[0]["config"]["batch_input_shape"] = [None, 8, 8, 2]
    g.weights.pop(0)
    save(folder, "sequential", g, {"class_name": "Sequential", "config": listed}, a)
    save(folder, "sequential_new_format", g, {"class_name": "Sequential", "config": listed}, a,
         libver="latest")
    del listed[0]["config"]["batch_input_shape"]
    model = {"name": "s", "layers": listed, "build_input_shape": [None, 8, 8, 2]}
    save(folder, "sequential_built", g, {"class_name": "Sequential", "config": model}, a)


def channels_first(folder):
    for name, flatten in (("channels_first", "channels_last"),
                          ("channels_first_turned", "channels_first")):
        g = Graph(name, "channels_first")
        x = g.input("picture", 6, 6, 3)
        a = g.conv(x, "conv", 4, 3, activation="relu")
        a = g.norm(a, "norm", 0.001)
        a = g.pool(a, "pool", 2)
        row = a.value if flatten == "channels_first" else a.value.transpose(2, 0, 1)
        a = g.simple("Flatten", "flat", a, row.reshape(-1), data_format=flatten)
        a = g.dense(a, "classes", 5, "sigmoid")
        save(folder, name, g, functional(g, a), a)


def nested(folder):
    inner = Graph("backbone")
    x = inner.input("picture", 8, 6, 3)
    a = inner.conv(x, "conv", 4, 3, 2)
    a = inner.norm(a, "norm", 0.001)
    outer = Graph("nested")
    outer.picture = inner.picture
    outer.layers = [{"class_name": "InputLayer", "name": "input", "inbound_nodes": [], "config": {
        "name": "input", "batch_input_shape": [None, 8, 6, 3]}}]
    outer.layers.append({"class_name": "Functional", "name": "backbone",
                         "inbound_nodes": [[["input", 0, 0, {}]]], "config": inner.config(a)})
    outer.weights = [("input", []), ("backbone", [w for _, ws in inner.weights for w in ws])]
    b = outer.simple("GlobalAveragePooling2D", "mean", Map("backbone", a.value),
                     a.value.mean((0, 1)), data_format="channels_last")
    b = outer.simple("Reshape", "row", b, b.value, target_shape=[1, 1, 4])
    b = outer.conv(Map("row", b.value.reshape(1, 1, 4)), "classes", 3, 1)
    b = outer.simple("Softmax", "softmax", b, softmax(b.value), axis=-1)
    save(folder, "nested", outer, functional(outer, b), b)


def twice(folder):
    """One layer used two times, with the same weights, and inputs as Keras 3 writes them."""
    g = Graph("twice")
    x = g.input("picture", 6, 6, 3)
    a = g.conv(x, "conv", 3, 3, activation="relu")
    kernel, g.shared = (n for _, n in g.weights[-1][1])
    b = g.conv(a, "conv", 3, 3, activation="relu", kernel=kernel, call=1)
    c = g.simple("Add", "sum", [a, b], a.value + b.value)
    save(folder, "twice", g, functional(g, c), c)
    for layer in g.layers:
        layer["inbound_nodes"] = [
            {"args": [[{"class_name": "__keras_tensor__", "config": {"keras_history": s[:3]}}
                       for s in node]], "kwargs": {}} for node in layer["inbound_nodes"]]
    save(folder, "twice_keras_3", g, functional(g, c), c)


for case in (layers, half, sequential, channels_first, nested, twice):
    case(sys.argv[1])
