// ML Programs as coremltools writes them of detectors, whose constants and operations oko's own
// programs do not have.
#include <gmock/gmock.h>

#include <array>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/formats/coreml.h"
#include "oko/formats/coreml/describe.h"
#include "oko/formats/coreml/program_builder.h"

namespace oko::formats::coreml {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Floats = std::vector<float>;

constexpr int kClasses = 2, kBins = 4, kOutputs = kClasses + 4 * kBins;

// A model of one program under construction. Its input is an image of 64 x 64 pixels.
class Program {
 public:
  Program() : to_(*model_.mutable_program(), kFloat16) {
    graph::Network shape;
    shape.input = {3, 64, 64};
    describe_input(shape, ArrayKind::kFloat32, *model_.mutable_description()->add_inputs());
    to_.name("image");
    to_.input("image", kFloat32, {1, 3, 64, 64});
  }

  ProgramBuilder& to() { return to_; }
  proto::Model& model() { return model_; }

  // What coremltools begins with: bytes, times a factor, in float16.
  std::string scaled(float factor) {
    const std::string by = to_.number("image__scaled___y_0", kFloat32, factor);
    const Sides sides{1, 3, 64, 64};
    const std::string made = to_.add("mul", "image__scaled__", kFloat32, sides, to_.name("scaled"))
                                 .give("x", "image")
                                 .give("y", by)
                                 .output;
    return to_.cast("image_to_fp16", made, kFloat16, sides, to_.name("image_to_fp16"));
  }

  std::string convolution(const std::string& name, const std::string& x, int channels, int filters,
                          int stride, const Sides& made) {
    Floats kernel(static_cast<std::size_t>(filters * channels * stride * stride));
    for (float& value : kernel) value = static_cast<float>(random_.uniform(-.2, .2));
    const std::string weight =
        to_.blob(name + ".weight", kernel, {filters, channels, stride, stride});
    const std::string strides = to_.integers(name + ".strides", {stride, stride});
    const std::string pad = to_.text(name + ".pad_type", "valid");
    return to_.on("conv", name, x, made)
        .give("weight", weight)
        .give("strides", strides)
        .give("pad_type", pad)
        .output;
  }

  std::string axis(const std::string& name, std::int64_t value) { return to_.integer(name, value); }

  std::string joined(const std::string& name, const std::vector<std::string>& parts,
                     std::int64_t along, const Sides& made) {
    const std::string at = axis(name + ".axis", along);
    const std::string no = to_.flag(name + ".interleave", false);
    auto operation = to_.add("concat", name, made);
    for (const std::string& part : parts) operation.give("values", part);
    return operation.give("axis", at).give("interleave", no).output;
  }

  std::string reshaped(const std::string& name, const std::string& x, const Sides& made) {
    const std::string shape = to_.integers(name + ".shape", made);
    return to_.on("reshape", name, x, made).give("shape", shape).output;
  }

  std::array<std::string, 2> split(const std::string& name, const std::string& x,
                                   std::int64_t first, const Sides& whole) {
    Sides a = whole, b = whole;
    a[1] = first;
    b[1] = whole[1] - first;
    const std::string sizes = to_.integers(name + ".sizes", {a[1], b[1]});
    const std::string at = axis(name + ".axis", 1);
    auto operation = to_.on("split", name, x, a);
    operation.give("split_sizes", sizes).give("axis", at);
    return {operation.output, to_.add_result(operation, name + "_1", b)};
  }

  void output(const std::string& output, const Sides& sides, const std::string& name = "result") {
    to_.cast(name + ".cast", output, kFloat32, sides, name);
    to_.output(name);
    model_.mutable_description()->add_outputs()->set_name(name);
  }
  Imported read(const std::string& output, const Sides& sides) {
    this->output(output, sides);
    const Bytes weights(to_.finish_weights());
    return read_coreml(Bytes(serialized(model_, "m")), "m.mlmodel", weights);
  }
  // With a suppression of these classes behind it.
  Imported read_pipeline(const std::vector<std::string>& labels) {
    proto::Model pipeline;
    *pipeline.mutable_description() = model_.description();
    *pipeline.mutable_pipeline()->add_models() = model_;
    proto::Texts& texts =
        *pipeline.mutable_pipeline()->add_models()->mutable_suppression()->mutable_class_labels();
    for (const std::string& label : labels) texts.add_texts(label);
    const Bytes weights(to_.finish_weights());
    return read_coreml(Bytes(serialized(pipeline, "m")), "m.mlmodel", weights);
  }

 private:
  proto::Model model_;
  ProgramBuilder to_;
  Random random_{3};
};

struct Decoded {
  std::string boxes, scores;  // [1, 4, cells], [1, classes, cells]
  std::int64_t cells = 0;
};

// Three levels with sides and classes, which the program decodes as YOLOv8's exporter writes it.
Decoded write_yolov8(Program& program, const std::map<std::string, std::string>& metadata) {
  ProgramBuilder& to = program.to();
  for (const auto& [key, value] : metadata) {
    (*program.model().mutable_description()->mutable_metadata()->mutable_user_defined())[key] =
        value;
  }
  const std::string image = program.scaled(1.F / 255);
  std::vector<std::string> rows;
  Floats x, y, strides;
  for (const int stride : {8, 16, 32}) {
    const std::int64_t side = 64 / stride;
    const std::string number = std::to_string(stride);
    const std::string map =
        program.convolution("map" + number, image, 3, 8, stride, {1, 8, side, side});
    const std::string active = to.on("silu", "active" + number, map, {1, 8, side, side}).output;
    const std::string sides =
        program.convolution("sides" + number, active, 8, 4 * kBins, 1, {1, 4 * kBins, side, side});
    const std::string classes =
        program.convolution("classes" + number, active, 8, kClasses, 1, {1, kClasses, side, side});
    const std::string level =
        program.joined("level" + number, {sides, classes}, 1, {1, kOutputs, side, side});
    rows.push_back(program.reshaped("rows" + number, level, {1, kOutputs, side * side}));
    for (int i = 0; i < side * side; ++i) {
      x.push_back(static_cast<float>(i % side) + .5F);
      y.push_back(static_cast<float>(i / side) + .5F);
      strides.push_back(static_cast<float>(stride));
    }
  }
  const auto cells = std::ssize(x);
  const std::string all = program.joined("all", rows, -1, {1, kOutputs, cells});
  const auto [sides, classes] = program.split("parts", all, 4 * kBins, {1, kOutputs, cells});
  const std::string bins = program.reshaped("bins", sides, {1, 4, kBins, cells});
  const std::string order = to.integers("order", {0, 2, 1, 3});
  const std::string turned =
      to.on("transpose", "turned", bins, {1, kBins, 4, cells}).give("perm", order).output;
  const std::string over = to.integer("over", 1);
  const std::string shares =
      to.on("softmax", "shares", turned, {1, kBins, 4, cells}).give("axis", over).output;
  const std::string numbers = to.blob("numbers", Floats{0, 1, 2, 3}, {1, kBins, 1, 1});
  const std::string pad = to.text("expected.pad_type", "valid");
  const std::string expected = to.on("conv", "expected", shares, {1, 1, 4, cells})
                                   .give("weight", numbers)
                                   .give("pad_type", pad)
                                   .output;
  const std::string distances = program.reshaped("distances", expected, {1, 4, cells});
  const auto [before, after] = program.split("corners", distances, 2, {1, 4, cells});
  Floats points = x;
  points.insert(points.end(), y.begin(), y.end());
  const Sides two{1, 2, cells}, four{1, 4, cells};
  const std::string anchors = to.blob("anchor_points", points, two);
  const std::string low = to.add("sub", "x1y1", two).give("x", anchors).give("y", before).output;
  const std::string high = to.add("add", "x2y2", two).give("x", anchors).give("y", after).output;
  const std::string sum = to.add("add", "sum", two).give("x", low).give("y", high).output;
  const std::string half = to.number("half", kFloat16, .5F);
  const std::string centre = to.on("mul", "centre", sum, two).give("y", half).output;
  const std::string size = to.add("sub", "size", two).give("x", high).give("y", low).output;
  const std::string boxes = program.joined("boxes", {centre, size}, 1, four);
  const std::string by = to.blob("strides", strides, {1, cells});
  const std::string scaled = to.on("mul", "scaled_boxes", boxes, four).give("y", by).output;
  const std::string scores = to.on("sigmoid", "scores", classes, {1, kClasses, cells}).output;
  return {scaled, scores, cells};
}

Imported read_yolov8(const std::map<std::string, std::string>& metadata) {
  Program program;
  const Decoded decoded = write_yolov8(program, metadata);
  const Sides table{1, 4 + kClasses, decoded.cells};
  return program.read(program.joined("table", {decoded.boxes, decoded.scores}, 1, table), table);
}

// As its exporter writes it with suppression: rows, of boxes in parts of the image and of classes
// that are filled with zeros.
Imported read_yolov8_pipeline(const std::map<std::string, std::string>& metadata, int row,
                              const std::vector<std::string>& labels) {
  Program program;
  ProgramBuilder& to = program.to();
  const Decoded decoded = write_yolov8(program, metadata);
  const Sides all{1, 4 + kClasses, decoded.cells}, turned{4 + kClasses, decoded.cells},
      rows{decoded.cells, 4 + kClasses}, boxes{decoded.cells, 4}, scores{decoded.cells, kClasses},
      wide{decoded.cells, row};
  const std::string table = program.joined("table", {decoded.boxes, decoded.scores}, 1, all);
  const std::string first = to.integers("squeezed.axes", {0});
  const std::string image = to.on("squeeze", "squeezed", table, turned).give("axes", first).output;
  const std::string order = to.integers("turned_rows.perm", {1, 0});
  const std::string listed =
      to.on("transpose", "turned_rows", image, rows).give("perm", order).output;
  const std::string sizes = to.integers("row_parts.sizes", {4, kClasses});
  const std::string last = to.integer("row_parts.axis", 1);
  auto parts = to.on("split", "row_parts", listed, boxes);
  parts.give("split_sizes", sizes).give("axis", last);
  const std::string xywh = parts.output, of_classes = to.add_result(parts, "classes_part", scores);
  const std::string by = to.number("parts_of_image", kFloat16, 1.F / 64);
  const std::string coordinates = to.on("mul", "coordinates", xywh, boxes).give("y", by).output;
  std::string confidence = of_classes;
  if (row > kClasses) {
    const std::string amounts = to.integers("padded.pad", {0, 0, 0, row - kClasses});
    const std::string mode = to.text("padded.mode", "constant");
    const std::string zero = to.number("padded.zero", kFloat16, 0);
    confidence = to.on("pad", "padded", of_classes, wide)
                     .give("pad", amounts)
                     .give("mode", mode)
                     .give("constant_val", zero)
                     .output;
  }
  program.output(confidence, wide, "confidences");
  program.output(coordinates, boxes, "boxes_of_image");
  return program.read_pipeline(labels);
}

TEST(CoreMlProgram, RecognizesYolov8AsCoremltoolsWritesIt) {
  const Imported read = read_yolov8({{"names", "{0: 'cat', 1: \"dog's\"}"}, {"task", "detect"}});
  const graph::Network& network = read.network;
  ASSERT_EQ(network.heads().size(), 3U);
  int stride = 8;
  for (const int index : network.heads()) {
    const auto& head = std::get<graph::Distances>(network.layers[index].operation);
    EXPECT_EQ(head, (graph::Distances{kClasses, kBins, stride, .5F}));
    stride *= 2;
  }
  EXPECT_THAT(read.labels, ElementsAre("cat", "dog's"));
  EXPECT_FALSE(network.preprocess.normalizes());
  EXPECT_THAT(read.notes.back(), HasSubstr("taken for a YOLOv8, YOLO11 or relative"));
}

TEST(CoreMlProgram, RecognizesYolov8BehindASuppression) {
  const Imported plain = read_yolov8_pipeline({}, kClasses, {"cat", "dog"});
  EXPECT_EQ(plain.network.heads().size(), 3U);
  EXPECT_THAT(plain.labels, ElementsAre("cat", "dog"));
  std::vector<std::string> labels{"cat", "dog"};
  for (int i = 2; i < 80; ++i) labels.push_back(std::to_string(i));
  for (const bool named : {true, false}) {
    std::map<std::string, std::string> metadata;
    if (named) metadata["names"] = "{0: 'cat', 1: 'dog'}";
    const Imported filled = read_yolov8_pipeline(metadata, 80, labels);
    ASSERT_EQ(filled.network.heads().size(), 3U);
    EXPECT_EQ(filled.network.class_count(), kClasses);
    EXPECT_THAT(filled.labels, ElementsAre("cat", "dog"));
    EXPECT_THAT(filled.notes, Each(Not(HasSubstr("loses boxes"))));
  }
  labels.resize(20);  // a number of classes that Core ML's suppression misreads
  EXPECT_THAT(read_yolov8_pipeline({}, 20, labels).notes,
              Contains(HasSubstr("the file itself loses boxes")));
}

TEST(CoreMlProgram, ScalesTheImageAsTheProgramDoes) {
  Program program;
  const std::string image = program.scaled(2.F / 255);
  const std::string map = program.convolution("map", image, 3, 8, 8, {1, 8, 8, 8});
  const Imported read = program.read(map, {1, 8, 8, 8});
  ASSERT_EQ(read.network.layers.size(), 2U);
  EXPECT_EQ(read.network.layers[0].name, "image__scaled__");
  EXPECT_NEAR(read.network.weights.at("image__scaled__.kernel").floats()[0], 2, 1e-6);

  Program bytes;
  const std::string cast =
      bytes.to().cast("to_fp16", "image", kFloat16, {1, 3, 64, 64}, bytes.to().name("to_fp16"));
  const std::string other = bytes.convolution("map", cast, 3, 8, 8, {1, 8, 8, 8});
  const Imported unscaled = bytes.read(other, {1, 8, 8, 8});
  ASSERT_EQ(unscaled.network.layers.size(), 2U);
  EXPECT_EQ(unscaled.network.layers[0].name, "preprocessing");
  EXPECT_EQ(unscaled.network.weights.at("preprocessing.kernel").floats()[0], 255);
}

// Constants that refer to the same bytes again and again.
TEST(CoreMlProgram, BoundsWhatConstantsTake) {
  Program program;
  const std::string image = program.scaled(1.F / 255);
  const Sides made{1, 64, 64, 64};
  std::string map = program.convolution("map", image, 3, 64, 1, made);
  const std::string kernel = program.to().blob("kernel", Floats(64 * 64 * 3 * 3), {64, 64, 3, 3});
  proto::Block& block = (*(*program.model().mutable_program()->mutable_functions())["main"]
                              .mutable_blocks())["CoreML5"];
  const proto::Operation constant = block.operations(block.operations_size() - 1);
  const std::string type = program.to().text("pad_type", "same");
  for (int i = 0; i < 40; ++i) {
    const std::string name = "again" + std::to_string(i);
    proto::Operation& again = *block.add_operations();
    again = constant;
    again.mutable_outputs(0)->set_name(name);
    map = program.to()
              .on("conv", "conv" + std::to_string(i), map, made)
              .give("weight", name)
              .give("pad_type", type)
              .output;
  }
  try {
    program.read(map, made);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("take more than 16 times the size of the file"));
  }
}

// ---- compressed weights ----

void set_value(int type, const Sides& sides, proto::Value& to) {
  proto::TensorType& tensor = *to.mutable_type()->mutable_tensor();
  tensor.set_data_type(type);
  tensor.set_rank(static_cast<std::int64_t>(sides.size()));
  for (const std::int64_t side : sides) {
    tensor.add_dimensions()->mutable_constant()->set_size(static_cast<std::uint64_t>(side));
  }
}
void set_bytes(int type, const std::string& bytes, proto::Value& to) {
  set_value(type, {static_cast<std::int64_t>(bytes.size())}, to);
  to.mutable_immediate()->mutable_tensor()->mutable_raw()->set_values(bytes);
}
void set_floats(const Floats& values, proto::Value& to) {
  set_value(kFloat32, {static_cast<std::int64_t>(values.size())}, to);
  for (const float value : values) {
    to.mutable_immediate()->mutable_tensor()->mutable_floats()->add_values(value);
  }
}

constexpr int kBytes = 31, kSigned = 21;  // types

// A 1x1 convolution of 3 channels to 2, whose kernel `fill` compresses.
template <typename Fill>
Floats kernel_of(const char* kind, const Fill& fill) {
  Program program;
  const std::string image = program.scaled(1.F / 255);
  auto weight = program.to().add(kind, "weight", {2, 3, 1, 1});
  fill(*weight.message.mutable_attributes());
  const std::string pad = program.to().text("pad_type", "valid");
  const Sides made{1, 2, 64, 64};
  const std::string map = program.to()
                              .on("conv", "map", image, made)
                              .give("weight", weight.output)
                              .give("pad_type", pad)
                              .output;
  const auto network = program.read(map, made).network;
  const auto values = network.weights.at("map.kernel").floats();
  return {values.begin(), values.end()};
}

TEST(CoreMlProgram, ExpandsTablesOfValues) {
  const auto four = [](auto& parts) {  // two bits each: 0 1 2 3, 3 0
    set_bytes(kBytes, std::string("\xe4\x03", 2), parts["indices"]);
    set_floats({-1, .5F, 2, 4}, parts["lut"]);
  };
  EXPECT_THAT(kernel_of("constexpr_lut_to_dense", four), ElementsAre(-1, .5F, 2, 4, 4, -1));
  const auto few = [](auto& parts) {
    set_bytes(kBytes, std::string("\xe4", 1), parts["indices"]);
    set_floats({-1, .5F, 2, 4}, parts["lut"]);
  };
  EXPECT_THROW(kernel_of("constexpr_lut_to_dense", few), Error);
  EXPECT_THROW(kernel_of("constexpr_lut_to_dense", [](auto&) {}), Error);
  const auto one = [](auto& parts) {  // no bits at all: a small file of any number of values
    set_bytes(kBytes, "", parts["indices"]);
    set_floats({1}, parts["lut"]);
  };
  EXPECT_THROW(kernel_of("constexpr_lut_to_dense", one), Error);
}

TEST(CoreMlProgram, DequantizesBytesWithAScaleForEachFilter) {
  const auto bytes = [](auto& parts) {
    set_bytes(kSigned, std::string("\x00\x01\xff\x7f\x80\x02", 6), parts["quantized_data"]);
    set_bytes(kSigned, std::string("\x01\x00", 2), parts["zero_point"]);
    set_floats({2, .5F}, parts["scale"]);
  };
  EXPECT_THAT(kernel_of("constexpr_affine_dequantize", bytes),
              ElementsAre(-2, 0, -4, 63.5F, -64, 1));
  const auto wrong = [&](auto& parts) {
    bytes(parts);
    set_floats({2, .5F, 1}, parts["scale"]);
  };
  EXPECT_THROW(kernel_of("constexpr_affine_dequantize", wrong), Error);
  EXPECT_THROW(kernel_of("constexpr_sparse_to_dense", bytes), Error);
}

}  // namespace
}  // namespace oko::formats::coreml
