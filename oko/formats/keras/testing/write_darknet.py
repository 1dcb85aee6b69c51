"""Writes a Darknet model as Keras 2 would save it in keras-yolo3's layout.

    write_darknet.py CFG WEIGHTS OUT.h5 [weights] [raw] [numbered-from-none] [float16|float64]
                     [open-size] [new-format] [side=N]

weights: as save_weights() does, at the root and without the model. raw: batch norm's numbers as
Darknet has them; else gamma is fitted to Keras' epsilon. numbered-from-none: names as TensorFlow 2
gives them (conv2d, conv2d_1, ...). new-format: HDF5's later structures.
"""

import json
import sys

import h5py
import numpy as np

from darknet_model import Model

EPSILON = 1e-3


class Writer:
    def __init__(self, model, flags):
        self.model = model
        self.flags = flags
        self.dtype = next((f for f in flags if f.startswith("float")), "float32")
        self.counts = {}
        self.layers = []
        self.weights = []  # of each layer: name, [(weight, numbers)]

    def name(self, base):
        count = self.counts[base] = self.counts.get(base, 0) + 1
        if "numbered-from-none" in self.flags:
            return base if count == 1 else f"{base}_{count - 1}"
        return f"{base}_{count}"

    def add(self, kind, base, inputs, config, weights=()):
        name = self.name(base)
        inbound = [[[i, 0, 0, {}] for i in inputs]] if inputs else []
        self.layers.append({"name": name, "class_name": kind, "inbound_nodes": inbound,
                            "config": {"name": name, "trainable": True, **config}})
        self.weights.append((name, [(f"{name}/{w}:0", n.astype(self.dtype)) for w, n in weights]))
        return name

    def convolution(self, layer, source):
        size, stride = layer.number("size"), layer.number("stride", 1)
        padding = "same" if layer.number("pad") and size > 1 else "valid"
        if stride == 2 and padding == "same":
            low = (size - 1) // 2
            source = self.add("ZeroPadding2D", "zero_padding2d", [source], {
                "padding": [[low, size - 2 - low], [low, size - 2 - low]] if size > 2 else [[0, 0], [0, 0]],
                "data_format": "channels_last"})
            padding = "valid"
        config = {"kernel_size": [size, size], "strides": [stride, stride], "padding": padding,
                  "data_format": "channels_last", "dilation_rate": [1, 1],
                  "activation": "linear", "use_bias": not layer.norm}
        bias = [] if layer.norm else [("bias", layer.bias)]
        if layer.groups > 1:
            kernel = layer.kernel.transpose(2, 3, 0, 1)
            source = self.add("DepthwiseConv2D", "depthwise_conv2d", [source],
                              {**config, "depth_multiplier": 1},
                              [("depthwise_kernel", kernel)] + bias)
        else:
            kernel = layer.kernel.transpose(2, 3, 1, 0)
            source = self.add("Conv2D", "conv2d", [source],
                              {**config, "filters": layer.channels, "groups": 1},
                              [("kernel", kernel)] + bias)
        if layer.norm:
            gamma = layer.gamma if "raw" in self.flags else self.model.gamma_for(layer, EPSILON)
            source = self.add("BatchNormalization", "batch_normalization", [source],
                              {"axis": [3], "momentum": 0.99, "epsilon": EPSILON,
                               "center": True, "scale": True},
                              [("gamma", gamma), ("beta", layer.bias),
                               ("moving_mean", layer.mean), ("moving_variance", layer.variance)])
        return self.activation(layer, source)

    def activation(self, layer, source):
        kind = layer.options.get("activation", "linear")
        if kind == "linear":
            return source
        if kind == "leaky":
            return self.add("LeakyReLU", "leaky_re_lu", [source], {"alpha": 0.10000000149011612})
        return self.add("Activation", "activation", [source], {"activation": kind})

    def run(self):
        open_size = "open-size" in self.flags
        rows, columns = (None, None) if open_size else (self.model.height, self.model.width)
        made = {-1: self.add("InputLayer", "input", [], {
            "batch_input_shape": [None, rows, columns, self.model.channels], "dtype": "float32"})}
        self.outputs = []
        last = "channels_last"
        for i, layer in enumerate(self.model.layers):
            inputs = [made[k] for k in layer.inputs]
            if layer.kind == "convolutional":
                made[i] = self.convolution(layer, inputs[0])
            elif layer.kind == "maxpool":
                size, stride = layer.number("size"), layer.number("stride", 1)
                made[i] = self.add("MaxPooling2D", "max_pooling2d", inputs, {
                    "pool_size": [size, size], "strides": [stride, stride], "padding": "same",
                    "data_format": last})
            elif layer.kind == "upsample":
                step = layer.number("stride", 2)
                made[i] = self.add("UpSampling2D", "up_sampling2d", inputs,
                                   {"size": [step, step], "data_format": last})
            elif layer.kind == "route" and len(inputs) == 1:
                made[i] = inputs[0]
            elif layer.kind == "route":
                made[i] = self.add("Concatenate", "concatenate", inputs, {"axis": -1})
            elif layer.kind == "shortcut":
                made[i] = self.activation(layer, self.add("Add", "add", inputs, {}))
            elif layer.kind == "dropout":
                made[i] = self.add("Dropout", "dropout", inputs, {"rate": 0.5})
            elif layer.kind == "yolo":
                made[i] = inputs[0]
                self.outputs.append(inputs[0])
            else:
                raise SystemExit(f"layer {i}: no {layer.kind} here")

    def save(self, path):
        latest = "new-format" in self.flags
        with h5py.File(path, "w", libver="latest" if latest else None) as file:
            root = file
            if "weights" not in self.flags:
                root = file.create_group("model_weights")
                first = self.layers[0]["name"]
                file.attrs["keras_version"] = "2.2.4"
                file.attrs["model_config"] = json.dumps({
                    "class_name": "Functional" if "numbered-from-none" in self.flags else "Model",
                    "config": {"name": "model_1", "layers": self.layers,
                               "input_layers": [[first, 0, 0]],
                               "output_layers": [[o, 0, 0] for o in self.outputs]}}).encode()
            root.attrs["backend"] = b"tensorflow"
            self.names(root, "layer_names", [name for name, _ in self.by_depth()])
            for name, weights in self.by_depth():
                group = root.create_group(name)
                self.names(group, "weight_names", [w for w, _ in weights])
                for weight, numbers in weights:
                    group.create_dataset(weight, data=numbers)

    def by_depth(self):
        """Keras sorts layers by their distance from the outputs, so heads do not stand in the
        order in which their layers were made."""
        depths = {}
        for layer in reversed(self.layers):
            name = layer["name"]
            depths.setdefault(name, 0)
            for node in layer["inbound_nodes"]:
                for source in node:
                    depths[source[0]] = max(depths.get(source[0], 0), depths[name] + 1)
        return sorted(self.weights, key=lambda item: -depths[item[0]])

    @staticmethod
    def names(group, attribute, names):
        """A list of names, in parts where it is long, as Keras does it (at 64512 bytes)."""
        names = np.array([n.encode() for n in names])
        parts = 1
        while any(part.nbytes > 1500 for part in np.array_split(names, parts)):
            parts += 1
        for i, part in enumerate(np.array_split(names, parts)):
            group.attrs[attribute + (str(i) if parts > 1 else "")] = part if len(part) else []


def main():
    cfg, weights, out, *flags = sys.argv[1:]
    side = next((int(f[5:]) for f in flags if f.startswith("side=")), 0)
    writer = Writer(Model(cfg, weights, side, side), flags)
    writer.run()
    writer.save(out)


main()
