#include "oko/formats/wrappers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "oko/base/error.h"
#include "oko/detect/detector.h"
#include "oko/formats/heads.h"
#include "oko/formats/mps.h"
#include "oko/formats/ncnn.h"
#include "oko/formats/test_heads.h"
#include "oko/formats/wrappers/test_cases.h"
#include "oko/formats/wrappers/test_programs.h"
#include "oko/graph/builtin.h"
#include "oko/runtime/engine.h"
#include "oko/runtime/test_weights.h"
#include "tests/support/reference_models.h"

namespace oko::formats {
namespace {

using testing::HasSubstr;
using wrappers::anchor_free;
using wrappers::Case;
using wrappers::case_of;
using wrappers::described_case;
using wrappers::Folder;
using wrappers::kHeight;
using wrappers::kWidth;
using wrappers::letterboxed;
using wrappers::odd_case;
using wrappers::odd_network;
using wrappers::output_of;
using wrappers::stretched;

std::string text_of(const File& file) {
  return {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()};
}
std::vector<File> wrapper_of(const graph::Network& network, const char* format,
                             const WriteOptions& options = {}, const std::string& stem = "model") {
  return write_wrapper(network, *find_format(format), options, stem);
}
std::string wrapper_text(const graph::Network& network, const char* format, bool boxes = false) {
  return text_of(wrapper_of(network, format, {.boxes = boxes}).at(0));
}

std::string wrapper_text(const Case& c, const char* format, bool boxes = false) {
  WriteOptions options;
  options.boxes = boxes;
  options.thresholds = c.thresholds;
  return text_of(wrapper_of(c.network, format, options).at(0));
}

// A published model and Darknet's outputs for an image.
Case golden_case(const reference::GoldenModel& model) {
  const std::string base = reference::path_of("models/darknet") + "/" + model.name;
  std::vector<std::vector<float>> maps;
  const std::string input = model.input, picture = input.substr(0, input.find('_'));
  for (const char* head : model.heads) {
    maps.push_back(reference::read_floats(reference::path_of("golden") + "/" + model.name + "/" +
                                          picture + "_tensors/" + head));
  }
  return case_of(reference::darknet_model(base + ".cfg", base + ".weights"), std::move(maps));
}

void expect_detections(const std::string& printed, const std::vector<detect::Detection>& expected,
                       float pixels) {
  std::istringstream lines(printed);
  std::size_t count = 0;
  detect::Detection d;
  while (lines >> d.class_id >> d.score >> d.box.left >> d.box.top >> d.box.right >> d.box.bottom) {
    ASSERT_LT(count, expected.size());
    const detect::Detection& e = expected[count++];
    EXPECT_EQ(d.class_id, e.class_id);
    EXPECT_NEAR(d.score, e.score, pixels / 100);
    EXPECT_NEAR(d.box.left, e.box.left, pixels);
    EXPECT_NEAR(d.box.top, e.box.top, pixels);
    EXPECT_NEAR(d.box.right, e.box.right, pixels);
    EXPECT_NEAR(d.box.bottom, e.box.bottom, pixels);
  }
  EXPECT_EQ(count, expected.size()) << printed;
  EXPECT_GT(count, 0U);
}
void expect_detections(const std::string& printed, const Case& c) {
  expect_detections(printed, c.detections, 1e-3F);
}

// Planar values as rows x columns x channels.
std::vector<float> interleaved(const std::vector<float>& planar, const graph::Shape& shape) {
  std::vector<float> result(planar.size());
  const auto plane = static_cast<std::size_t>(shape.height * shape.width);
  const auto channels = static_cast<std::size_t>(shape.channels);
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t c = 0; c < channels; ++c) result[i * channels + c] = planar[c * plane + i];
  }
  return result;
}

graph::Shape head_shape(const Case& c, std::size_t head) {
  return c.network.layers[c.network.heads()[head]].output;
}

// Names of the heads, for a command line.
std::string names_of(const Case& c) {
  std::string text;
  for (const std::string& name : output_names(c.network)) text += " " + name;
  return text;
}

std::string frame_arguments() {
  return " " + std::to_string(kWidth) + " " + std::to_string(kHeight);
}

void write_case(const Folder& folder, const std::string& into, const Case& c) {
  folder.write(into + "frame.rgba", c.frame);
  const auto names = output_names(c.network);
  for (std::size_t h = 0; h < names.size(); ++h) folder.write(into + names[h] + ".f32", c.maps[h]);
}

// Programs that are not installed have empty names.
bool any_missing(std::initializer_list<std::string_view> programs) {
  return std::ranges::any_of(programs, [](std::string_view name) { return name.empty(); });
}

std::string stub(const std::string& name) {
  return wrappers::read_text(std::string(OKO_WRAPPER_STUBS) + "/" + name);
}

class TypeScript : public ::testing::Test {
 protected:
  // Everything written in TypeScript, checked and compiled to JavaScript at once.
  static std::string compile(const Folder& folder) {
    folder.write("package.json", R"({"type": "module"})");
    const std::string ort = "node_modules/onnxruntime-web/";
    folder.write(ort + "package.json", R"({"type": "module", "main": "index.js"})");
    folder.write(ort + "index.js", stub("onnxruntime-web.js"));
    folder.write(ort + "index.d.ts", stub("onnxruntime-web.d.ts"));
    folder.write("tsconfig.json", R"({"compilerOptions": {"strict": true, "target": "es2022",
      "noUncheckedIndexedAccess": true, "noUnusedLocals": true, "noUnusedParameters": true,
      "exactOptionalPropertyTypes": true, "noImplicitReturns": true, "verbatimModuleSyntax": true,
      "erasableSyntaxOnly": true, "isolatedModules": true, "module": "nodenext",
      "lib": ["es2022", "dom"], "types": [],
      "paths": {"oko-detector": [")" OKO_WEB_SOURCES R"(/oko.d.ts"]}},
      "include": ["*/*.ts"]})");
    return output_of(std::string(OKO_NODE) + " " OKO_TSC " --project " + folder.path());
  }
  static void add(const Folder& folder, const std::string& into, const Case& c) {
    write_case(folder, into, c);
    folder.write(into + "model_detector.ts", wrapper_text(c, "onnx"));
    folder.write(into + "main.mjs", stub("main.mjs"));
  }
  // The boxes as a model returns them, in pixels of its input, also those with low scores.
  static void add_decoded(const Folder& folder, const std::string& into, const Case& c) {
    const image::Size input{c.network.input.width, c.network.input.height};
    const auto place = image::place({kWidth, kHeight}, input, c.network.preprocess);
    std::vector<float> boxes, scores;
    std::vector<std::int32_t> classes;
    const Case all = case_of(c.network, c.maps, {.score = .1F, .max_detections = 0});
    for (const detect::Detection& d : all.detections) {
      const image::Box box = place.to_input(d.box);
      boxes.insert(boxes.end(), {box.left, box.top, box.right, box.bottom});
      scores.push_back(d.score);
      classes.push_back(d.class_id);
    }
    folder.write(into + "frame.rgba", c.frame);
    folder.write(into + "boxes.f32", boxes);
    folder.write(into + "scores.f32", scores);
    folder.write(into + "classes.f32", classes);
    folder.write(into + "model_detector.ts", wrapper_text(c, "onnx", true));
    folder.write(into + "main.mjs", stub("main.mjs"));
  }
  static void expect_run(const Folder& folder, const std::string& into, const Case& c) {
    const std::string printed = output_of(std::string(OKO_NODE) + " " + (folder / into) +
                                          "main.mjs" + frame_arguments() + names_of(c));
    expect_detections(printed, c);
    EXPECT_LT(reference::largest_difference(reference::read_floats(folder / (into + "input.f32")),
                                            c.input),
              2e-5);
  }
};

// Raw outputs of all published models, where available, and boxes of models that contain decoding;
// all at once, as the compiler is slow to start.
TEST_F(TypeScript, PreprocessesAndDecodesLikeOko) {
  if (any_missing({OKO_NODE, OKO_TSC}))
    GTEST_SKIP() << "there is no node or no TypeScript (npm ci in apps/web)";
  const Folder folder("typescript");
  std::vector<Case> cases{odd_case(stretched()), odd_case(letterboxed()), odd_case(every_head()),
                          odd_case(anchor_free()), described_case(letterboxed())};
  const bool golden = !reference::path_of("golden").empty();
  for (const reference::GoldenModel& model : reference::golden_models()) {
    if (golden) cases.push_back(golden_case(model));
  }
  const auto part = [](std::size_t i) { return "m" + std::to_string(i) + "/"; };
  for (std::size_t i = 0; i < cases.size(); ++i) add(folder, part(i), cases[i]);
  const Case plain = cases[1], described = cases[4];
  for (const Case& c : {plain, described}) {
    const std::string name = c.thresholds.class_scores.empty() ? "plain" : "described";
    add_decoded(folder, "decoded_" + name + "/", c);
    folder.write("oko_" + name + "/",
                 wrapper_of(c.network, "oko", {.thresholds = c.thresholds}).at(2));
  }
  compile(folder);
  for (std::size_t i = 0; i < cases.size(); ++i) expect_run(folder, part(i), cases[i]);
  const auto expect_decoded = [&](const std::string& name, const Case& c) {
    expect_detections(output_of(std::string(OKO_NODE) + " " + (folder / name) + "/main.mjs" +
                                frame_arguments() + " boxes scores classes"),
                      c);
  };
  expect_decoded("decoded_plain", plain);
  expect_decoded("decoded_described", described);
}

void expect_kotlin(const Case& c) {
  const Folder folder("kotlin");
  folder.write("ModelDetector.kt", wrapper_text(c, "tflite"));
  folder.write("frame.rgba", c.frame);
  const auto names = output_names(c.network);
  for (std::size_t h = 0; h < names.size(); ++h) {
    folder.write(names[h] + ".nhwc", interleaved(c.maps[h], head_shape(c, h)));
  }
  folder.write("oko/", wrapper_of(c.network, "oko", {.kotlin_package = "com.example.oko"}).at(1));
  output_of(OKO_KOTLINC " -Werror -include-runtime -d " + (folder / "test.jar") + " " +
            (folder / "ModelDetector.kt") + " " + (folder / "oko/ModelDetector.kt") +
            " " OKO_WRAPPER_STUBS "/*.kt " OKO_ANDROID_SOURCES);
  const std::string printed =
      output_of(OKO_JAVA " -cp " + (folder / "test.jar") + " dev.oko.models.MainKt " +
                folder.path() + frame_arguments() + names_of(c));
  expect_detections(printed, c);
  EXPECT_LT(reference::largest_difference(reference::read_floats(folder / "input.f32"),
                                          interleaved(c.input, c.network.input)),
            2e-5);
}

TEST(Kotlin, PreprocessesAndDecodesLikeOko) {
  if (any_missing({OKO_KOTLINC, OKO_JAVA}))
    GTEST_SKIP() << "there is no Kotlin compiler (scripts/phone_tools.sh)";
  expect_kotlin(described_case(stretched()));
  expect_kotlin(odd_case(every_head()));
}

class Ncnn : public ::testing::Test {
 protected:
  static bool has_ncnn() { return !any_missing({OKO_NCNN}); }
  static std::string build(const Folder& folder, const Case& c) {
    folder.write("model_detector.h", wrapper_text(c, "ncnn"));
    folder.write("main.cpp", stub("main.cpp"));
    const std::string with = has_ncnn() ? OKO_NCNN_INCLUDE : OKO_WRAPPER_STUBS "/ncnn";
    output_of(OKO_CXX " -std=c++17 -Wall -Wextra -Wshadow -Werror -isystem " + with + " " +
              (folder / "main.cpp") + " -o " + (folder / "main") +
              " " OKO_NCNN " -fopenmp -lpthread -ldl");
    return (folder / "main") + " " + folder.path();
  }
  static void expect_run(const Case& c) {
    const Folder folder("ncnn");
    write_case(folder, "", c);
    const std::string program = build(folder, c) + frame_arguments();
    std::string maps;
    const auto names = output_names(c.network);
    for (std::size_t h = 0; h < names.size(); ++h) {
      const graph::Shape shape = head_shape(c, h);
      maps += " " + names[h] + " " + std::to_string(shape.width) + " " +
              std::to_string(shape.height) + " " + std::to_string(shape.channels);
    }
    expect_detections(output_of(program + maps), c);
    EXPECT_LT(reference::largest_difference(reference::read_floats(folder / "input.f32"), c.input),
              2e-5);
  }
};

// Without ncnn with a stand-in for its maps.
TEST_F(Ncnn, PreprocessesAndDecodesLikeOko) {
  expect_run(described_case(stretched()));
  expect_run(odd_case(letterboxed()));
  expect_run(odd_case(every_head()));
}

// End to end, from the frame to the boxes, in ncnn and in oko.
TEST_F(Ncnn, RunsTheExportedModel) {
  if (any_missing({OKO_NCNN})) GTEST_SKIP() << "there is no ncnn (CMAKE_PREFIX_PATH)";
  if (reference::path_of("golden").empty()) GTEST_SKIP() << "set OKO_DATA";
  const std::string base = reference::path_of("models/darknet") + "/yolo-fastest-1.1";
  const graph::Network network = reference::darknet_model(base + ".cfg", base + ".weights");
  const auto planar =
      reference::read_floats(reference::path_of("golden/inputs/dog_letterbox_3x320x320.f32"));
  std::vector<std::uint8_t> pixels;
  for (const float value : interleaved(planar, network.input)) {
    pixels.push_back(static_cast<std::uint8_t>(std::lround(value * 255)));
    if (pixels.size() % 4 == 3) pixels.push_back(255);
  }
  image::Frame frame;
  frame.format = image::PixelFormat::kRgba;
  frame.size = {320, 320};
  frame.planes[0] = pixels.data();
  const auto expected =
      detect::Detector(network, runtime::make_engine(network)).detect(frame, {}).detections;
  const Folder folder("ncnn_model");
  folder.write("frame.rgba", pixels);
  for (const File& file : write_ncnn(network, {}, "model")) folder.write("", file);
  expect_detections(output_of(build(folder, {network, {}, {}, {}, {}}) + " 320 320 model"),
                    expected, .05F);
}

std::vector<File> all_swift(const graph::Network& network) {
  std::vector<File> files;
  for (const char* format : {"coreml", "mps", "oko"}) {
    files.push_back(wrapper_of(network, format).at(0));
  }
  WriteOptions options;
  options.boxes = true;
  options.thresholds.class_scores.assign(static_cast<std::size_t>(network.class_count()), .3F);
  files.push_back(wrapper_of(network, "coreml", options).at(0));
  return files;
}

TEST(Swift, Parses) {
  if (any_missing({OKO_NODE, OKO_SWIFT_SYNTAX}))
    GTEST_SKIP() << "there is no parser of Swift (scripts/phone_tools.sh)";
  const Folder folder("swift");
  std::string names;
  graph::Network network = odd_network({});
  graph::fill_synthetic_weights(network);
  std::vector<File> files = all_swift(network);
  files.push_back(write_mps(network, {}, "model")[0]);
  files.push_back(wrapper_of(every_head(), "mps").at(0));
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string name = std::to_string(i) + ".swift";
    folder.write(name, text_of(files[i]));
    names += " " + (folder / name);
  }
  EXPECT_THAT(output_of(std::string(OKO_NODE) + " " OKO_SWIFT_SYNTAX + names),
              HasSubstr("6 files are Swift"));
}

TEST(Swift, DescribesTheNetwork) {
  const std::string text = wrapper_text(letterboxed(), "coreml");
  EXPECT_THAT(text,
              HasSubstr("case trafficLight = 0\n    case _3d = 1\n    case кітA = 2\n    case "
                        "_3d_2 = 3\n"));
  EXPECT_THAT(text, HasSubstr("\"кіт \\\"$a\\\\\","));
  EXPECT_THAT(text, HasSubstr("static let stretch = false"));
  EXPECT_THAT(text, HasSubstr("static let matchCentres = true"));
  EXPECT_THAT(text, HasSubstr("static let border = 0.25"));
  EXPECT_THAT(text,
              HasSubstr("output: \"head_4x6\", width: 6, height: 4, spread: 1.1, softmax: false,"
                        "\n            code: .exponential, share: 0.0,\n            anchors: "
                        "[(37.0, 58.0), (10.0, 14.0)])"));
  EXPECT_THAT(text, HasSubstr("anchors: [(20.0, 24.0), (32.0, 48.0), (8.0, 12.0)])"));
}

TEST(Wrappers, TakeTheThresholdsOfTheEngineUnlessToldOtherwise) {
  const auto files = [](const WriteOptions& options) {
    std::string all;
    for (const File& file : wrapper_of(letterboxed(), "oko", options)) {
      all += text_of(file);
    }
    return all;
  };
  EXPECT_THAT(files({}),
              testing::AllOf(HasSubstr("score: Float? = nil"),
                             HasSubstr("OkoThresholds(score = 0f,"), HasSubstr("  iou: 0.45")));
  for (const float score : {.4F, detect::Thresholds{}.score}) {
    const std::string number = score == .4F ? "0.4" : "0.25";
    EXPECT_THAT(files({.thresholds = {.score = score}, .score_given = true}),
                testing::AllOf(HasSubstr("score: Float? = " + number),
                               HasSubstr("OkoThresholds(score = " + number + "f,"),
                               HasSubstr("score: " + number + ", iou: 0.45")));
  }
}

TEST(Wrappers, LeaveNoPlaceholder) {
  for (const char* format : {"coreml", "mps", "tflite", "onnx", "ncnn", "oko"}) {
    for (const graph::Network& network : {stretched(), every_head(), anchor_free()}) {
      for (const File& file : wrapper_of(network, format, {}, "out/my-model")) {
        EXPECT_TRUE(file.name.starts_with("out/")) << file.name;
        EXPECT_THAT(text_of(file), testing::Not(testing::ContainsRegex("\\{\\{[A-Z_]+\\}\\}")));
        EXPECT_THAT(text_of(file), testing::Not(HasSubstr(std::string(1, '\0'))));
      }
    }
  }
}

// Vision's labels have shares of the observation's confidence: their own is 1 where it has one
// class.
TEST(Wrappers, TakeVisionsScoresAsProducts) {
  const std::string text = text_of(wrapper_of(stretched(), "coreml", {.boxes = true}).front());
  EXPECT_THAT(text, HasSubstr("let score = observation.confidence * best.confidence\n"));
  EXPECT_THAT(text, HasSubstr("score: score,"));
}

TEST(Wrappers, NameClassesThatHaveNoNames) {
  graph::Network network = stretched();
  network.classes.clear();
  EXPECT_THAT(wrapper_text(network, "tflite"),
              HasSubstr("CLASS_0(\"class 0\"),\n    CLASS_1(\"class 1\"),"));
}

TEST(Wrappers, DoNotExistForClassifiers) {
  graph::Network network = stretched();
  network.layers.resize(1);
  EXPECT_TRUE(wrapper_of(network, "coreml").empty());
}

TEST(Wrappers, RejectInvalidOptions) {
  const auto message = [](const char* format, const WriteOptions& options) {
    try {
      wrapper_of(stretched(), format, options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message("tflite", {.boxes = true}), HasSubstr("cannot contain decoding"));
  EXPECT_THAT(message("coreml", {.thresholds = {.score = 2}}), HasSubstr("0 and 1"));
  EXPECT_THAT(message("coreml", {.thresholds = {.score = NAN}}), HasSubstr("0 and 1"));
  EXPECT_THAT(message("coreml", {.thresholds = {.class_scores = {.5F}}}),
              HasSubstr("one for each"));
  EXPECT_THAT(message("coreml", {.thresholds = {.class_scores = {.5F, .5F, .5F, NAN}}}),
              HasSubstr("one for each"));
  EXPECT_THAT(message("coreml", {.thresholds = {.max_detections = 0}}),
              HasSubstr("the maximum number of detections must be at least 1"));
  for (const char* package : {"", "a..b", "1a", "a b", "a.", "a.b\nc", "a-b", "ä"}) {
    EXPECT_THAT(message("oko", {.kotlin_package = package}), HasSubstr("is not a package name"));
  }
  for (const char* package : {"com.new.app", "in.example", "com.example.fun", "a._"}) {
    EXPECT_THAT(message("tflite", {.kotlin_package = package}), HasSubstr("contains the keyword"));
  }
  graph::Network grey = stretched();
  grey.input.channels = 1;
  graph::infer_shapes(grey);
  EXPECT_TRUE(wrapper_of(grey, "coreml").empty());
}

TEST(Wrappers, SayNothingOfBarsAroundStretchedImages) {
  for (const char* format : {"ncnn", "tflite", "onnx"}) {
    const std::string text = wrapper_text(stretched(), format);
    EXPECT_FALSE(text.empty()) << format;
    for (const char* word : {"letterbox(", " bars"}) {
      EXPECT_THAT(text, ::testing::Not(HasSubstr(word))) << format;
    }
  }
}

}  // namespace
}  // namespace oko::formats
