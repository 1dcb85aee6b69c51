#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <iterator>

#include "oko/base/error.h"
#include "oko/formats/heads.h"
#include "oko/formats/wrappers.h"
#include "oko/formats/wrappers/identifiers.h"
#include "oko/formats/wrappers/templates.h"

namespace oko::formats {
namespace {

using wrappers::filled;
using wrappers::Language;
using wrappers::literal;
using wrappers::Value;

// With a point or an exponent, so that no language reads it as an integer.
std::string decimal(float value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return text;
}

const char* text_of(bool value) { return value ? "true" : "false"; }

std::string after_slash(const std::string& stem) { return stem.substr(stem.rfind('/') + 1); }

// What decoding needs of a head of any kind.
struct Head {
  std::string output;
  int width = 0, height = 0;
  float spread = 1;
  bool softmax = false;
  std::vector<graph::Anchor> anchors;  // pixels of the network's input
};

std::vector<Head> heads_of(const graph::Network& network) {
  const std::vector<std::string> names = output_names(network);
  std::vector<Head> heads;
  for (const int index : network.heads()) {
    const graph::Layer& layer = network.layers[static_cast<std::size_t>(index)];
    Head head{names[heads.size()], layer.output.width, layer.output.height, 1, false, {}};
    if (const auto* yolo = std::get_if<graph::Yolo>(&layer.operation)) {
      head.spread = yolo->scale_x_y;
      for (const int i : yolo->mask)
        head.anchors.push_back(yolo->anchors[static_cast<std::size_t>(i)]);
    } else {
      const auto& region = std::get<graph::Region>(layer.operation);
      const float x = static_cast<float>(network.input.width) / static_cast<float>(head.width);
      const float y = static_cast<float>(network.input.height) / static_cast<float>(head.height);
      head.softmax = region.softmax;
      for (const graph::Anchor& a : region.anchors)
        head.anchors.push_back({a.width * x, a.height * y});
    }
    heads.push_back(std::move(head));
  }
  return heads;
}

// Anchors as a list of pairs, each by a format string for the width and the height.
std::string pairs_of(const Head& head, const char* pattern) {
  std::string text;
  for (const graph::Anchor& a : head.anchors) {
    if (!text.empty()) text += ", ";
    text += fmt::format(fmt::runtime(pattern), decimal(a.width), decimal(a.height));
  }
  return text;
}

std::string text_of(const Head& h, Language language) {
  const std::string spread = decimal(h.spread);
  switch (language) {
    case Language::kSwift:
      return fmt::format(
          "        Head(\n            output: \"{}\", width: {}, height: {}, spread: {}, softmax: "
          "{},\n            anchors: [{}]),\n",
          h.output, h.width, h.height, spread, h.softmax, pairs_of(h, "({}, {})"));
    case Language::kKotlin:
      return fmt::format(
          "            Head(\n                \"{}\", {}, {}, {}f, {},\n                {},\n"
          "            ),\n",
          h.output, h.width, h.height, spread, h.softmax, pairs_of(h, "{}f to {}f"));
    case Language::kTypeScript:
      return fmt::format(
          "  {{\n    output: \"{}\", width: {}, height: {}, spread: {}, softmax: {},\n"
          "    anchors: [{}],\n  }},\n",
          h.output, h.width, h.height, spread, h.softmax, pairs_of(h, "[{}, {}]"));
    case Language::kCpp:
      return fmt::format("        {{\"{}\", {}, {}, {}F, {},\n         {{{}}}}},\n", h.output,
                         h.width, h.height, spread, h.softmax, pairs_of(h, "{{{}F, {}F}}"));
  }
  return {};
}

// "    case person = 0" and so on.
std::string case_of(const std::string& member, const std::string& label, std::size_t index,
                    Language language) {
  switch (language) {
    case Language::kSwift:
      return fmt::format("    case {} = {}\n", member, index);
    case Language::kKotlin:
      return fmt::format("    {}({}),\n", member, literal(label, language));
    default:
      return fmt::format("  {} = {},\n", member, index);
  }
}

class Writer {
 public:
  Writer(const graph::Network& network, const WrapperOptions& options, const std::string& stem)
      : network_(network), options_(options), stem_(stem), name_(wrappers::type_name(stem)) {
    labels_ = network.classes;
    for (auto i = labels_.size(); i < static_cast<std::size_t>(network.class_count()); ++i) {
      labels_.push_back("class " + std::to_string(i));
    }
  }

  std::vector<File> write() const {
    switch (options_.target) {
      case WrapperTarget::kCoreMl:
        return {swift(options_.decoded ? wrappers::kSwiftVision : wrappers::kSwiftCoreMl)};
      case WrapperTarget::kMps:
        return {swift(wrappers::kSwiftMps)};
      case WrapperTarget::kTflite:
        return {kotlin(wrappers::kKotlinTflite, ".tflite")};
      case WrapperTarget::kOnnx:
        return {onnx()};
      case WrapperTarget::kNcnn:
        return {ncnn()};
      case WrapperTarget::kOko:
        return {swift(wrappers::kSwiftOko), kotlin(wrappers::kKotlinOko, ".oko"),
                file(folder() + after_slash(stem_) + "_detector.ts",
                     filled(wrappers::kTypeScriptOko, values(Language::kTypeScript)))};
    }
    return {};
  }

 private:
  static File file(std::string name, const std::string& text) {
    File made{std::move(name), std::vector<std::byte>(text.size())};
    std::memcpy(made.bytes.data(), text.data(), text.size());
    return made;
  }
  std::string folder() const { return stem_.substr(0, stem_.rfind('/') + 1); }

  std::string cases(Language language) const {
    const auto members = wrappers::member_names(labels_, language);
    std::string text;
    for (std::size_t i = 0; i < members.size(); ++i) {
      text += case_of(members[i], labels_[i], i, language);
    }
    return text;
  }

  std::string label_list(Language language) const {
    const char* indent = language == Language::kSwift ? "        "
                         : language == Language::kCpp ? "      "
                                                      : "  ";
    std::string text;
    for (const std::string& label : labels_) text += indent + literal(label, language) + ",\n";
    return text;
  }

  // Values available to every template.
  std::vector<Value> values(Language language) const {
    const image::Preprocess& seen = network_.preprocess;
    std::string heads;
    for (const Head& head : heads_of(network_)) heads += text_of(head, language);
    return {
        {"TITLE", wrappers::comment(network_.name.empty() ? after_slash(stem_) : network_.name)},
        {"NAME", name_},
        {"STEM", literal(after_slash(stem_), language)},
        {"STEM_TEXT", wrappers::comment(after_slash(stem_))},
        {"WIDTH", std::to_string(network_.input.width)},
        {"HEIGHT", std::to_string(network_.input.height)},
        {"STRETCH", text_of(seen.fit == image::Preprocess::Fit::kStretch)},
        {"CENTRES", text_of(seen.sampling == image::Preprocess::Sampling::kPixelCentres)},
        {"BORDER", decimal(seen.border)},
        {"BGR", text_of(seen.bgr)},
        {"SCORE", decimal(options_.score)},
        {"IOU", decimal(options_.iou)},
        {"MAX", std::to_string(options_.max_detections)},
        {"CLASSES", std::to_string(labels_.size())},
        {"CASES", cases(language)},
        {"LABELS", label_list(language)},
        {"HEADS", heads}};
  }

  File swift(std::string_view text) const {
    std::vector<Value> all = values(Language::kSwift);
    const auto part = [&](std::string_view name, std::string_view source) {
      return Value{name, filled(source, all)};
    };
    std::vector<Value> parts{
        part("RESULTS", wrappers::kSwiftResults), part("PLACEMENT", wrappers::kSwiftPlacement),
        part("DECODING", wrappers::kSwiftDecoding), part("PIXELS", wrappers::kSwiftPixels)};
    std::ranges::move(parts, std::back_inserter(all));
    return file(folder() + name_ + "Detector.swift", filled(text, all));
  }

  File kotlin(std::string_view text, const char* ending) const {
    std::vector<Value> all = values(Language::kKotlin);
    all.push_back({"PACKAGE", options_.kotlin_package});
    all.push_back({"MODEL", literal(after_slash(stem_) + ending, Language::kKotlin)});
    return file(folder() + name_ + "Detector.kt", filled(text, all));
  }

  File onnx() const {
    std::vector<Value> all = values(Language::kTypeScript);
    const bool decoded = options_.decoded;
    all.push_back({"MODEL", literal(after_slash(stem_) + ".onnx", Language::kTypeScript)});
    all.push_back({"READ_OUTPUTS",
                   std::string(decoded ? wrappers::kTypeScriptDecoded : wrappers::kTypeScriptRaw)});
    all.push_back({"DECODING", decoded ? "" : filled(wrappers::kTypeScriptDecoding, all)});
    return file(folder() + after_slash(stem_) + "_detector.ts",
                filled(wrappers::kTypeScriptOnnx, all));
  }

  File ncnn() const {
    std::vector<Value> all = values(Language::kCpp);
    std::string space = name_;
    std::ranges::transform(space, space.begin(), [](char c) {
      return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
    all.push_back({"NAMESPACE", space + "_detector"});
    return file(folder() + after_slash(stem_) + "_detector.h", filled(wrappers::kCppNcnn, all));
  }

  const graph::Network& network_;
  const WrapperOptions& options_;
  const std::string& stem_;
  std::string name_;
  std::vector<std::string> labels_;
};

bool is_package(const std::string& name) {
  bool begins = true;  // a part of the name
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '.' ? begins : !(std::isalpha(byte) || c == '_' || (!begins && std::isdigit(byte)))) {
      return false;
    }
    begins = c == '.';
  }
  return !begins;
}

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  throw Error(ErrorCode::kUsage, "wrapper", message, hint);
}

void check(const graph::Network& network, const WrapperOptions& options) {
  const auto share = [](float value) { return value >= 0 && value <= 1; };
  if (!share(options.score) || !share(options.iou)) {
    refuse("thresholds must be between 0 and 1", "the usual ones are .25 and .45");
  }
  if (options.max_detections < 1)
    refuse("the maximum number of detections must be at least 1", "the usual one is 300");
  const bool can_decode =
      options.target == WrapperTarget::kCoreMl || options.target == WrapperTarget::kOnnx;
  if (options.decoded && !can_decode) {
    refuse("only Core ML and ONNX models can contain decoding", "export raw heads");
  }
  if (!is_package(options.kotlin_package)) {
    refuse(options.kotlin_package + " is not a package name", "write it as com.example.app");
  }
  if (network.input.channels != 3) {
    throw input_error(network.name.empty() ? "network" : network.name,
                      "the network takes " + std::to_string(network.input.channels) +
                          " channels but frames have 3");
  }
}

}  // namespace

std::vector<File> write_wrappers(const graph::Network& network, const WrapperOptions& options,
                                 const std::string& stem) {
  if (network.heads().empty()) return {};
  check(network, options);
  return Writer(network, options, stem).write();
}

}  // namespace oko::formats
