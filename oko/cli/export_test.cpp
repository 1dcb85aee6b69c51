#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "oko/base/json.h"
#include "oko/cli/test_command.h"
#include "oko/graph/builtin.h"
#include "oko/graph/fold.h"
#include "oko/graph/oko_file.h"
#include "oko/graph/synthetic.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

// Commands chained through other formats. Each format has its own tests beside its code.
namespace oko::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Export : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_export_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    network_ = graph::make_builtin("yolov3-tiny", {.classes = 2, .width = 64, .height = 64});
    network_.classes = {"traffic light", "fire truck"};
    graph::fill_synthetic_weights(network_);
    storage::write(file("model.oko"), graph::write_oko(network_));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& name) const { return storage::join(folder_, name); }
  graph::Network model(const std::string& name) const {
    return graph::read_oko(storage::map(file(name)), name).network;
  }

  Outcome to(const std::string& format, std::vector<std::string> more = {}) const {
    std::vector<std::string> words{"export", file("model.oko"), "--to", format, "-o", file(format)};
    words.insert(words.end(), more.begin(), more.end());
    return oko_command(words);
  }

  std::string folder_;
  graph::Network network_;
};

struct RoundTrip {
  const char* format;
  const char* main;
  bool keeps_heads;    // else passed by flags
  bool keeps_padding;  // else unused padding is lost
};

void expect_same_layers(const graph::Network& back, const graph::Network& expected,
                        const RoundTrip& trip) {
  ASSERT_EQ(back.layers.size(), expected.layers.size()) << trip.format;
  for (std::size_t i = 0; i < back.layers.size(); ++i) {
    const graph::Layer& layer = expected.layers[i];
    if (!trip.keeps_heads && graph::is_head(layer.operation)) continue;
    EXPECT_EQ(back.layers[i].name, layer.name) << trip.format;
    EXPECT_EQ(back.layers[i].inputs, layer.inputs) << trip.format << " " << layer.name;
    EXPECT_EQ(back.layers[i].output, layer.output) << trip.format << " " << layer.name;
    if (!trip.keeps_padding && std::holds_alternative<graph::MaxPool>(layer.operation)) continue;
    EXPECT_TRUE(back.layers[i].operation == layer.operation) << trip.format << " " << layer.name;
  }
}

TEST_F(Export, RoundTripsTheNetworkThroughEveryFormat) {
  const graph::Network expected = graph::inference_form(network_);
  for (const RoundTrip& trip : {RoundTrip{"onnx", "model.onnx", true, true},
                                RoundTrip{"coreml", "model.mlmodel", true, true},
                                RoundTrip{"tflite", "model.tflite", true, false},
                                RoundTrip{"ncnn", "model.param", false, true}}) {
    const Outcome exported = to(trip.format);
    ASSERT_EQ(exported.code, 0) << exported.out << exported.error;
    EXPECT_THAT(exported.out, HasSubstr("agrees")) << trip.format;
    EXPECT_THAT(exported.out, Not(HasSubstr("DIFFERS"))) << trip.format;
    std::vector<std::string> words{"import", file(std::string(trip.format) + "/" + trip.main), "-o",
                                   file("back.oko")};
    if (!trip.keeps_heads) {
      words.insert(words.end(), {"--anchors", "10,14,23,27,37,58,81,82,135,169,344,319"});
    }
    const Outcome imported = oko_command(words);
    ASSERT_EQ(imported.code, 0) << trip.format << imported.error;
    const graph::Network back = model("back.oko");
    expect_same_layers(back, expected, trip);
    for (const auto& [name, tensor] : expected.weights) {
      EXPECT_TRUE(std::ranges::equal(back.weights.at(name).floats(), tensor.floats()))
          << trip.format << " " << name;
    }
    EXPECT_EQ(back.classes.empty(), !trip.keeps_heads) << trip.format;
  }
}

TEST_F(Export, RoundTripsDarknetFiles) {
  ASSERT_EQ(to("darknet").code, 0);
  const Outcome back =
      oko_command({"import", file("darknet/model.cfg"), file("darknet/model.weights"), "--names",
                   file("darknet/model.names"), "-o", file("back.oko")});
  ASSERT_EQ(back.code, 0) << back.error;
  const graph::Network read = model("back.oko");
  EXPECT_EQ(read.classes, network_.classes);
  for (const auto& [name, tensor] : network_.weights) {
    EXPECT_TRUE(std::ranges::equal(read.weights.at(name).floats(), tensor.floats())) << name;
  }
}

// Arm NN 20.08 rejects float16 kernels; the file itself is fine.
TEST_F(Export, ReadsBackWhatTheLocalProgramRejects) {
  const Outcome made = to("tflite", {"--precision", "fp16"});
  EXPECT_EQ(made.code, 0) << made.error;
  EXPECT_THAT(made.out, HasSubstr("agrees"));
}

TEST_F(Export, ImportTakesWeightsByTheSameFlagAsOtherCommands) {
  ASSERT_EQ(to("darknet").code, 0);
  const std::string weights = file("darknet/model.weights"), renamed = file("last.backup");
  std::filesystem::rename(weights, renamed);
  const std::string cfg = file("darknet/model.cfg"), out = file("back.oko");
  const Outcome outcome = oko_command({"import", cfg, "--weights", renamed, "-o", out});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_EQ(model("back.oko").weights.size(), network_.weights.size());
  EXPECT_EQ(oko_command({"import", cfg, renamed, "-o", out}).code, 0);
  EXPECT_EQ(oko_command({"import", cfg, renamed, "--weights", renamed, "-o", out}).code, 2);
}

TEST_F(Export, WritesWhatAnAppNeedsBesideTheModel) {
  EXPECT_THAT(to("mps").out, HasSubstr(".swift"));
  EXPECT_THAT(to("coreml", {"--no-check"}).out, HasSubstr(".swift"));
  EXPECT_THAT(to("tflite", {"--no-check"}).out, HasSubstr(".kt"));
  EXPECT_THAT(to("onnx", {"--no-check"}).out, HasSubstr(".ts"));
  EXPECT_THAT(to("ncnn", {"--no-check"}).out, HasSubstr(".h"));
}

TEST_F(Export, ComparesTheBoxesThatAModelOutputsItself) {
  const Outcome outcome = to("coreml", {"--boxes", "--threshold", "0.1"});
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("boxes from oko's engine and from oko's Core ML interpreter"));
  const Outcome program = to("coreml", {"--boxes", "--ml-program", "--threshold", "0.1"});
  EXPECT_EQ(program.code, 0) << program.out << program.error;
  EXPECT_THAT(program.out, HasSubstr("boxes from oko's engine and from oko's Core ML interpreter"));
  const Outcome same = oko_command({"parity", file("model.oko"), file("coreml/model.mlpackage")});
  EXPECT_EQ(same.code, 0) << same.out << same.error;
}

TEST_F(Export, RejectsWhatAFormatCannotStore) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"onnx", "--precision", "int8"},
        {"darknet", "--precision", "fp16"},
        {"darknet", "--boxes"},
        {"tflite", "--boxes"},
        {"onnx", "--ml-program"},
        {"coreml", "--ml-program", "--boxes", "--precision", "int8"},
        {"ncnn", "--author", "Leaf Ltd"},
        {"darknet", "--license", "MIT"},
        {"tflite", "--precision", "int8"},
        {"tflite", "--precision", "fp16", "--int8", folder_}}) {
    const Outcome outcome = to(flags.front(), {flags.begin() + 1, flags.end()});
    EXPECT_THAT(outcome.code, ::testing::AnyOf(2, 3)) << flags.front() << outcome.out;
    EXPECT_THAT(outcome.error, HasSubstr("hint: ")) << flags.front();
    EXPECT_FALSE(storage::exists(file(flags.front()))) << flags.front();
  }
}

TEST_F(Export, ParityTellsModelsApart) {
  ASSERT_EQ(to("onnx", {"--no-check"}).code, 0);
  const Outcome same =
      oko_command({"parity", file("model.oko"), file("onnx/model.onnx"), "--json"});
  EXPECT_EQ(same.code, 0) << same.error;
  EXPECT_EQ(parse_json(same.out, "out")["agrees"], true);
  graph::Network other = network_;
  const std::string name = other.layers[4].name + ".kernel";
  std::vector<float> values(other.weights[name].floats().begin(),
                            other.weights[name].floats().end());
  for (float& v : values) v *= 1.5F;
  other.weights[name] = graph::Tensor::of(std::move(values), other.weights[name].shape);
  storage::write(file("other.oko"), graph::write_oko(other));
  const Outcome apart = oko_command({"parity", file("model.oko"), file("other.oko")});
  EXPECT_EQ(apart.code, 1);
  EXPECT_THAT(apart.out, HasSubstr("the first layer that differs is " + network_.layers[4].name));
}

// The ncnn file scales its input itself, and says nothing of images.
TEST_F(Export, ParityKnowsWhereAnImageIsScaled) {
  graph::Network network = network_;
  network.preprocess.mean = {.4F, .5F, .45F};
  network.preprocess.scale = {4, 5, 4.5F};
  storage::write(file("model.oko"), graph::write_oko(network));
  ASSERT_EQ(to("ncnn", {"--no-check"}).code, 0);
  for (const auto& [one, other] :
       {std::pair("model.oko", "ncnn/model.param"), {"ncnn/model.param", "model.oko"}}) {
    const Outcome same = oko_command({"parity", file(one), file(other)});
    EXPECT_EQ(same.code, 0) << same.out << same.error;
  }
}

// Float16 between layers moves values by more than the order of sums does.
TEST_F(Export, ParityAllowsForWhatAFileRounds) {
  ASSERT_EQ(to("coreml", {"--ml-program", "--precision", "fp16", "--no-check"}).code, 0);
  const std::vector<std::string> words{"parity", file("model.oko"), file("coreml/model.mlpackage")};
  const Outcome same = oko_command(words);
  EXPECT_EQ(same.code, 0) << same.out << same.error;
  EXPECT_THAT(same.out, HasSubstr("computes in fp16: differences up to 0.05 of the largest"));
  std::vector<std::string> strict = words;
  strict.insert(strict.end(), {"--tolerance", "0.000001"});
  const Outcome apart = oko_command(strict);
  EXPECT_EQ(apart.code, 1) << apart.out;
  EXPECT_THAT(apart.out, ::testing::Not(HasSubstr("computes in fp16: differences")));
}

TEST_F(Export, QuantizesOnAFolderOfNothingButImages) {
  for (const char* name : {"a.png", "b.png"}) {
    image::Picture picture{{48, 40}, std::vector<std::uint8_t>(48 * 40 * 3)};
    for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
      picture.rgb[i] = static_cast<std::uint8_t>(i * 7 + static_cast<unsigned char>(name[0]));
    }
    media::save(picture, file(std::string("photos/") + name));
  }
  const Outcome made = to("tflite", {"--int8", file("photos"), "--no-check"});
  EXPECT_EQ(made.code, 0) << made.error;
  std::vector<std::string> words{"quantize", file("model.oko"), file("photos"), "-o",
                                 file("small.oko")};
  const Outcome quantized = oko_command(words);
  EXPECT_EQ(quantized.code, 0) << quantized.error;
  EXPECT_THAT(quantized.error, HasSubstr("no labels: mAP is not measured"));
  EXPECT_THAT(quantized.out, HasSubstr("2 images"));
  words.insert(words.end(), {"--eval-split", "val"});
  const Outcome refused = oko_command(words);
  EXPECT_EQ(refused.code, 2) << refused.out;
  EXPECT_THAT(refused.error, HasSubstr("--eval-split: needs labels"));
  // With any other file it is a dataset, whose labels may be what is wrong.
  storage::write(file("photos/notes.md"), std::string_view("none"));
  EXPECT_EQ(oko_command({"quantize", file("model.oko"), file("photos"), "-o", file("x.oko")}).code,
            3);
}

// OpenCV 4.6 does not read it. An export succeeds if there is no program to check it with.
TEST_F(Export, WritesOnnxInFloat16) {
  const Outcome outcome = to("onnx", {"--precision", "fp16"});
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.error;
}

TEST_F(Export, NoHeadsTakesOffThoseThatAFileDescribes) {
  ASSERT_EQ(to("onnx", {"--no-check"}).code, 0);
  const Outcome bare = oko_command(
      {"import", file("onnx/model.onnx"), "--no-heads", "-o", file("bare.oko"), "--json"});
  ASSERT_EQ(bare.code, 0) << bare.error;
  const Json document = parse_json(bare.out, "out");
  EXPECT_TRUE(document["heads"].empty());
  EXPECT_EQ(document["outputs"].size(), 2U);
  EXPECT_EQ(oko_command({"parity", file("bare.oko"), file("onnx/model.onnx")}).code, 0);
}

TEST_F(Export, TheStemIsANameWithoutFolders) {
  for (const char* stem : {"../out", "a/b", "..", "a\\b"}) {
    const Outcome refused = to("onnx", {"--no-check", "--stem", stem});
    EXPECT_EQ(refused.code, 2) << stem;
    EXPECT_THAT(refused.error, HasSubstr("--stem: the name of the files")) << stem;
  }
  EXPECT_FALSE(storage::exists(file("out_detector.ts")));
  EXPECT_FALSE(storage::exists(file("onnx")));
}

TEST_F(Export, KotlinIsInThePackageOfTheApp) {
  for (const char* format : {"oko", "tflite"}) {
    const Outcome made = to(format, {"--no-check", "--kotlin-package", "com.example.cards"});
    ASSERT_EQ(made.code, 0) << made.error;
    const std::string name = file(format) + "/ModelDetector.kt";
    EXPECT_THAT(storage::read_text(name), HasSubstr("\npackage com.example.cards\n"));
  }
  const Outcome keyword = to("oko", {"--no-check", "--kotlin-package", "com.example.new"});
  EXPECT_EQ(keyword.code, 2);
  EXPECT_THAT(keyword.error, HasSubstr("contains the keyword new"));
  const Outcome without = to("onnx", {"--no-check", "--kotlin-package", "com.example.cards"});
  EXPECT_EQ(without.code, 2);
  EXPECT_THAT(without.error, HasSubstr("--kotlin-package: has no effect"));
  EXPECT_FALSE(storage::exists(file("onnx")));
}

TEST_F(Export, ImportNeverGuessesHeads) {
  ASSERT_EQ(to("ncnn", {"--no-check"}).code, 0);
  const Outcome silent = oko_command({"import", file("ncnn/model.param"), "-o", file("back.oko")});
  EXPECT_EQ(silent.code, 2);
  EXPECT_THAT(silent.error, HasSubstr("give --anchors"));
  EXPECT_EQ(
      oko_command({"import", file("ncnn/model.param"), "-o", file("back.oko"), "--no-heads"}).code,
      0);
  EXPECT_EQ(oko_command({"detect", file("back.oko"), file("back.oko")}).code, 2);
  const Outcome masked =
      oko_command({"import", file("ncnn/model.param"), "-o", file("back.oko"), "--anchors",
                   "10,14,23,27,37,58,81,82,135,169,344,319", "--masks", "3,4,5/1,2,3"});
  ASSERT_EQ(masked.code, 0) << masked.error;
  EXPECT_THAT(masked.out, HasSubstr("anchors 1:23x27 2:37x58 3:81x82"));
  for (const char* masks : {"3,4,5", "3,4,5/1,2,9", "3;4", "3,4,5/1,2,3/0"}) {
    EXPECT_NE(oko_command({"import", file("ncnn/model.param"), "-o", file("b.oko"), "--anchors",
                           "10,14,23,27,37,58,81,82,135,169,344,319", "--masks", masks})
                  .code,
              0)
        << masks;
  }
  EXPECT_FALSE(storage::exists(file("b.oko")));
}

TEST_F(Export, AFileWithoutHeadsGetsThoseOfAnotherModel) {
  graph::Network network =
      graph::make_builtin("nanodet-plus", {.classes = 2, .width = 64, .height = 64});
  graph::fill_synthetic_weights(network);
  network.classes = {"leaf", "twig"};
  network.preprocess.fit = image::Preprocess::Fit::kStretch;
  network.preprocess.mean = {.4F, .5F, .45F};
  network.preprocess.scale = {4, 5, 4.5F};
  storage::write(file("model.oko"), graph::write_oko(network));
  ASSERT_EQ(to("ncnn", {"--no-check"}).code, 0);
  const std::string param = file("ncnn/model.param");
  EXPECT_THAT(oko_command({"import", param, "-o", file("back.oko")}).error,
              HasSubstr("--heads-from the model that it was exported from"));
  const Outcome outcome =
      oko_command({"import", param, "--heads-from", file("model.oko"), "-o", file("back.oko")});
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  const graph::Network back = model("back.oko");
  EXPECT_EQ(back.classes, network.classes);
  EXPECT_EQ(back.preprocess.fit, network.preprocess.fit);
  EXPECT_FALSE(back.preprocess.normalizes());  // the file itself does
  ASSERT_EQ(back.heads().size(), network.heads().size());
  for (std::size_t i = 0; i < back.heads().size(); ++i) {
    EXPECT_EQ(back.layers[back.heads()[i]].operation, network.layers[network.heads()[i]].operation);
  }
  EXPECT_EQ(oko_command({"inspect", param, "--heads-from", file("model.oko")}).code, 0);
  const auto refused = [&](const std::vector<std::string>& flags, const std::string& what) {
    std::vector<std::string> words{"import", param, "-o", file("b.oko")};
    words.insert(words.end(), flags.begin(), flags.end());
    const Outcome bad = oko_command(words);
    EXPECT_EQ(bad.code, 2);
    EXPECT_THAT(bad.error, HasSubstr(what));
  };
  refused({"--heads-from", file("model.oko"), "--no-heads"}, "cannot be combined");
  refused({"--heads-from", file("model.oko"), "--anchors", "1,2"}, "cannot be combined");
  refused({"--heads-from", file("model.oko"), "--decoding", "yolox"}, "cannot be combined");
  refused({"--heads-from", param}, "has no heads");
  EXPECT_THAT(oko_command({"inspect", file("model.oko"), "--heads-from", file("back.oko")}).error,
              HasSubstr("already defines its heads"));
}

TEST_F(Export, ImportIgnoresNoFlag) {
  ASSERT_EQ(to("onnx", {"--no-check"}).code, 0);
  const std::string onnx = file("onnx/model.onnx");
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--anchors", "10,14,23,27,37,58,81,82,135,169,344,319"},
        {"--masks", "3,4,5/0,1,2"},
        {"--network", "yolov3-tiny"}}) {
    std::vector<std::string> words{"import", onnx, "-o", file("back.oko")};
    words.insert(words.end(), flags.begin(), flags.end());
    const Outcome outcome = oko_command(words);
    EXPECT_EQ(outcome.code, 2) << flags.front() << outcome.out;
    EXPECT_THAT(outcome.error, HasSubstr(flags.front() + ": "));
  }
  EXPECT_FALSE(storage::exists(file("back.oko")));
  ASSERT_EQ(oko_command({"import", onnx, "-o", file("back.oko"), "--size", "96x64"}).code, 0);
  EXPECT_EQ(model("back.oko").input, (graph::Shape{3, 64, 96}));
}

TEST_F(Export, WeightsAloneUseTheNetworkNamed) {
  graph::Safetensors content;
  content.tensors = network_.weights;
  storage::write(file("alone.safetensors"), graph::write_safetensors(content));
  EXPECT_EQ(oko_command({"import", file("alone.safetensors"), "-o", file("a.oko")}).code, 3);
  storage::write(file("two.names"), std::string_view("cat\ndog\n"));
  const Outcome named =
      oko_command({"import", file("alone.safetensors"), "--network", "yolov3-tiny", "--size", "64",
                   "--names", file("two.names"), "-o", file("a.oko")});
  ASSERT_EQ(named.code, 0) << named.error;
  EXPECT_EQ(model("a.oko").layers, network_.layers);
  // Or that of another model, whose weights are not used.
  graph::Network other = network_;
  graph::fill_synthetic_weights(other, 2);
  other.metadata = {{"training", {{"epoch", 3}}}, {"metrics", {{"map50", .5}}}};
  storage::write(file("other.oko"), graph::write_oko(other));
  ASSERT_EQ(oko_command({"import", file("alone.safetensors"), "--network", file("other.oko"), "-o",
                         file("b.oko")})
                .code,
            0);
  const graph::Network again = model("b.oko");
  EXPECT_EQ(again.layers, network_.layers);
  EXPECT_FALSE(again.metadata.contains("training"));
  EXPECT_FALSE(again.metadata.contains("metrics"));
  for (const auto& [name, tensor] : network_.weights) {
    EXPECT_EQ(again.weights.at(name).data.text(), tensor.data.text()) << name;
  }
}

// Ten wrong files: each is rejected with its place and leaves nothing behind.
TEST_F(Export, ImportRejectsWrongFiles) {
  const auto written = [&](const std::string& name, std::string_view content) {
    storage::write(file(name), content);
    return file(name);
  };
  ASSERT_EQ(to("onnx", {"--no-check"}).code, 0);
  const std::string onnx = storage::read_text(file("onnx/model.onnx"));
  for (const std::string& name :
       {written("empty.onnx", ""), written("cut.onnx", std::string_view(onnx).substr(0, 5000)),
        written("text.onnx", "not a model"), written("text.mlmodel", "not a model"),
        written("text.tflite", "not a model"), written("text.h5", "not a model"),
        written("text.pb", "not a model"), written("text.param", "7767516\n1 1\n"),
        written("text.safetensors", "not a model"), written("zip.keras", "PK\x03\x04 not a model"),
        written("unknown.xyz", "not a model"), file("missing.onnx")}) {
    const Outcome outcome = oko_command({"import", name, "-o", file("out.oko")});
    EXPECT_THAT(outcome.code, ::testing::AnyOf(2, 3)) << name << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr(storage::stem(name))) << name;
  }
  EXPECT_FALSE(storage::exists(file("out.oko")));
}

}  // namespace
}  // namespace oko::cli
