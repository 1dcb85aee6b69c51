"""Writes ONNX models in the style of exporters, with only the onnx package: make_models.py FOLDER.

pytorch.onnx    batch norm not folded, SiLU and Mish as several nodes, an empty roi, decoding after
tensorflow.onnx channels-last input and output, auto_pad, bias and scale as separate nodes
old.onnx        opset 9: Upsample, attributes instead of inputs, numbers in typed fields
The heads of each are the convolutions "head0" and "head1" of 14 filters, 2 anchors of 2 classes.
"""
import random
import sys

from onnx import TensorProto, checker, helper, save

random.seed(7)


class Model:
    def __init__(self, opset):
        self.opset, self.nodes, self.weights, self.outputs = opset, [], [], []

    def node(self, kind, inputs, name, outputs=None, **attributes):
        outputs = outputs or [name + ":0"]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, **attributes))
        return outputs[0]

    def constant(self, name, kind, shape, values, raw=False):
        self.weights.append(helper.make_tensor(name, kind, shape, values, raw))
        return name

    def random(self, name, shape, middle=0.0, spread=1.0):
        count = 1
        for side in shape:
            count *= side
        values = [middle + spread * random.uniform(-1, 1) for _ in range(count)]
        return self.constant(name, TensorProto.FLOAT, shape, values)

    def ints(self, name, values):
        return self.constant(name, TensorProto.INT64, [len(values)], values)

    def conv(self, x, inputs, filters, size, name, bias=True, groups=1, **attributes):
        spread = 1.7 / (inputs // groups * size * size) ** 0.5
        parts = [x, self.random(name + ".weight", [filters, inputs // groups, size, size], 0, spread)]
        if bias:
            parts.append(self.random(name + ".bias", [filters], 0, 0.2))
        if groups > 1:
            attributes["group"] = groups
        return self.node("Conv", parts, name, kernel_shape=[size, size], **attributes)

    def norm(self, x, channels, name):
        parts = [x, self.random(name + ".weight", [channels], 1, 0.3),
                 self.random(name + ".bias", [channels], 0, 0.2),
                 self.random(name + ".mean", [channels], 0, 0.2),
                 self.random(name + ".var", [channels], 1, 0.5)]
        return self.node("BatchNormalization", parts, name, epsilon=1e-3)

    def save(self, path, shape, sides=4):
        image = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
        outputs = [helper.make_tensor_value_info(o, TensorProto.FLOAT, [None] * sides)
                   for o in self.outputs]
        graph = helper.make_graph(self.nodes, "exported", [image], outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = 7
        checker.check_model(model)
        save(model, path)


def pytorch(path):
    m = Model(11)

    def block(x, inputs, filters, size, name, kind, **attributes):
        pads = [size // 2] * 4
        x = m.norm(m.conv(x, inputs, filters, size, name, False, pads=pads, **attributes), filters,
                   name + ".bn")
        if kind == "silu":
            return m.node("Mul", [x, m.node("Sigmoid", [x], name + ".sig")], name + ".act")
        if kind == "mish":
            soft = m.node("Softplus", [x], name + ".soft")
            return m.node("Mul", [x, m.node("Tanh", [soft], name + ".tanh")], name + ".act")
        return m.node("LeakyRelu", [x], name + ".act", alpha=0.1)

    x = block("images", 3, 8, 3, "stem", "silu", strides=[2, 2])
    y = block(x, 8, 8, 3, "res.a", "mish", strides=[1, 1])
    y = block(y, 8, 8, 3, "res.b", "leaky", strides=[1, 1], groups=4)
    x = m.node("Add", [x, y], "res.add")
    pools = [m.node("MaxPool", [x], "spp%d" % k, kernel_shape=[k, k], strides=[1, 1],
                    pads=[k // 2] * 4, ceil_mode=0) for k in (3, 5)]
    x = m.node("Concat", [x] + pools, "spp", axis=1)
    first, second = x + ".first", x + ".second"
    m.node("Split", [x], "chunk", [first, second], axis=1, split=[12, 12])
    fine = block(first, 12, 8, 1, "fine", "silu", strides=[1, 1])
    coarse = block(second, 12, 8, 3, "coarse", "silu", strides=[2, 2])
    roi = m.constant("roi", TensorProto.FLOAT, [0], [])
    scales = m.constant("scales", TensorProto.FLOAT, [4], [1.0, 1.0, 2.0, 2.0])
    up = m.node("Resize", [coarse, roi, scales], "up", mode="nearest", nearest_mode="floor",
                coordinate_transformation_mode="asymmetric", cubic_coeff_a=-0.75)
    fine = m.node("Concat", [up, fine], "join", axis=1)
    for i, (x, channels, side) in enumerate([(coarse, 8, 8), (fine, 16, 16)]):
        raw = m.conv(x, channels, 14, 1, "head%d" % i, strides=[1, 1])
        shape = m.ints("shape%d" % i, [1, 2, 7, side, side])
        five = m.node("Reshape", [raw, shape], "view%d" % i)
        turned = m.node("Transpose", [five], "turn%d" % i, perm=[0, 1, 3, 4, 2])
        m.outputs.append(m.node("Sigmoid", [turned], "decode%d" % i))
    m.save(path, [1, 3, 32, 32], 5)


def tensorflow(path):
    m = Model(13)
    x = m.node("Transpose", ["images"], "first", perm=[0, 3, 1, 2])
    x = m.conv(x, 3, 8, 3, "conv1", False, strides=[2, 2], auto_pad="SAME_UPPER")
    x = m.node("Add", [x, m.random("bias1", [1, 8, 1, 1], 0, 0.2)], "conv1/BiasAdd")
    x = m.node("LeakyRelu", [x], "leaky1", alpha=0.1)
    x = m.node("MaxPool", [x], "pool", kernel_shape=[2, 2], strides=[1, 1], auto_pad="SAME_UPPER")
    x = m.node("Mul", [m.random("gamma", [1, 8, 1, 1], 1, 0.3), x], "scale")
    x = m.node("Add", [x, m.random("beta", [8, 1, 1], 0, 0.2)], "shift")
    x = m.node("Relu", [x], "relu")
    a = m.conv(x, 8, 14, 1, "head0")
    x = m.node("Pad", [x, m.ints("pads", [0, 0, 1, 1, 0, 0, 0, 0])], "pad")
    b = m.conv(x, 8, 14, 3, "head1", strides=[2, 2], auto_pad="VALID")
    m.outputs = [m.node("Transpose", [y], "last%d" % i, perm=[0, 2, 3, 1])
                 for i, y in enumerate([a, b])]
    m.save(path, [1, 32, 32, 3])


def old(path):
    m = Model(9)
    x = m.conv("images", 3, 8, 3, "conv1", pads=[0, 0, 1, 1], strides=[2, 2])
    x = m.node("Clip", [x], "relu6", min=0.0, max=6.0)
    x = m.node("Dropout", [m.node("Identity", [x], "same")], "drop", ratio=0.5)
    x = m.node("Pad", [x], "pad", pads=[0, 0, 1, 1, 0, 0, 0, 0], value=0.0)
    x = m.conv(x, 8, 8, 3, "conv2", strides=[2, 2])
    x = m.node("LeakyRelu", [x], "leaky", alpha=0.1)
    scales = m.constant("scales", TensorProto.FLOAT, [4], [1.0, 1.0, 2.0, 2.0])
    up = m.node("Upsample", [x, scales], "up", mode="nearest")
    for i, y in enumerate([x, up]):
        raw = m.conv(y, 8, 14, 1, "head%d" % i)
        part = m.node("Slice", [raw], "xy%d" % i, axes=[1], starts=[0], ends=[2])
        inside = m.node("Sigmoid", [part], "inside%d" % i)
        m.outputs.append(m.node("Exp", [inside], "decode%d" % i))
    m.save(path, [1, 3, 32, 32])


for make in (pytorch, tensorflow, old):
    make("%s/%s.onnx" % (sys.argv[1], make.__name__))
