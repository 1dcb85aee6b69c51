#include "oko/formats/wrappers/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "oko/formats/heads.h"
#include "oko/formats/wrappers/templates.h"
#include "oko/graph/about.h"
#include "oko/graph/head.h"

namespace oko::formats::wrappers {
namespace {

// With a point or an exponent, so that no language reads it as an integer.
std::string decimal(float value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return text;
}

const char* text_of(bool value) { return value ? "true" : "false"; }

std::string after_slash(const std::string& stem) { return stem.substr(stem.rfind('/') + 1); }

// How a language writes what is known of a head.
struct Words {
  std::string_view pair;                     // of an anchor's width and height
  std::string_view anchors, distances, ssd;  // a head of each kind; see the arguments below
  std::string_view code;                     // of a box code's name
  bool loud_code = false;                    // which is in capital letters
};

const Words& words_of(Language language) {
  static const Words swift{
      "({}, {})",
      "        AnchorHead(\n            output: \"{}\", width: {}, height: {}, spread: {}, "
      "softmax: {},"
      "\n            code: {}, share: {},\n            anchors: [{}]),\n",
      "        DistanceHead(\n            output: \"{}\", width: {}, height: {}, bins: {}, stride: "
      "{},"
      " prior: {}),\n",
      "        SsdHead(\n            output: \"{}\", width: {}, height: {}, centreVariance: {},"
      " sizeVariance: {},\n            sigmoids: {}, linear: {}, stepX: {}, stepY: {}, prior: {},\n"
      "            anchors: [{}]),\n",
      ".{}"};
  static const Words kotlin{
      "{}f to {}f",
      "            AnchorHead(\n                \"{}\", {}, {}, {}f, {}, {}, {}f,\n"
      "                {},\n            ),\n",
      "            DistanceHead(\"{}\", {}, {}, {}, {}f, {}f),\n",
      "            SsdHead(\n                \"{}\", {}, {}, {}f, {}f, {}, {}, {}f, {}f, {}f,\n"
      "                {},\n"
      "            ),\n",
      "Code.{}",
      true};
  static const Words typescript{
      "[{}, {}]",
      "  anchorHead(\"{}\", {}, {}, {{\n    spread: {}, softmax: {}, code: {}, share: {},\n"
      "    anchors: [{}],\n  }}),\n",
      "  distanceHead(\"{}\", {}, {}, {{ bins: {}, stride: {}, prior: {} }}),\n",
      "  ssdHead(\"{}\", {}, {}, {{\n    centreVariance: {}, sizeVariance: {}, sigmoid: {}, "
      "linear: {},\n"
      "    stepX: {}, stepY: {}, prior: {},\n"
      "    anchors: [{}],\n  }}),\n",
      "\"{}\""};
  static const Words cpp{
      "{{{}F, {}F}}",
      "        anchor_head(\"{}\", {}, {},\n                    {{{}F, {}, {}, {}F, {{{}}}}}),\n",
      "        distance_head(\"{}\", {}, {}, {{{}, {}F, {}F}}),\n",
      "        ssd_head(\"{}\", {}, {},\n                 {{{}F, {}F, {}, {}, {}F, {}F, {}F, "
      "{{{}}}}}),\n",
      "Code::{}"};
  switch (language) {
    case Language::kSwift:
      return swift;
    case Language::kKotlin:
      return kotlin;
    case Language::kTypeScript:
      return typescript;
    case Language::kCpp:
      return cpp;
  }
  return cpp;
}

// A head as the language writes it, filled in from `pattern`.
template <typename... Parts>
std::string written(std::string_view pattern, const Parts&... parts) {
  return fmt::format(fmt::runtime(pattern), parts...);
}

std::string pairs_of(std::span<const graph::Anchor> anchors, const Words& words) {
  std::string text;
  for (const graph::Anchor& a : anchors) {
    text += (text.empty() ? "" : ", ") + written(words.pair, decimal(a.width), decimal(a.height));
  }
  return text;
}

std::string code_of(graph::BoxCode code, const Words& words) {
  std::string name(words_of(code)[static_cast<std::size_t>(code)]);
  if (words.loud_code) {
    std::ranges::transform(name, name.begin(), [](char c) {
      return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
  }
  return written(words.code, name);
}

std::string text_of(const graph::Network& network, int index, const std::string& output,
                    const Words& words) {
  const graph::Operation& operation = network.layers[index].operation;
  const graph::Head grid = graph::head_of(network, index);
  if (const auto* head = std::get_if<graph::Distances>(&operation)) {
    return written(words.distances, output, grid.width, grid.height, head->bins,
                   decimal(static_cast<float>(head->stride)), decimal(head->prior));
  }
  if (const auto* head = std::get_if<graph::Ssd>(&operation)) {
    return written(words.ssd, output, grid.width, grid.height, decimal(head->centre_variance),
                   decimal(head->size_variance), text_of(head->sigmoid), text_of(head->linear),
                   decimal(grid.cell_width), decimal(grid.cell_height), decimal(head->prior),
                   pairs_of(head->anchors, words));
  }
  const graph::AnchorHead head = graph::anchor_head_of(network, index);
  std::vector<graph::Anchor> anchors;
  for (int box = 0; box < head.boxes; ++box) anchors.push_back(head.anchor(box));
  return written(words.anchors, output, grid.width, grid.height, decimal(head.scale_x_y),
                 text_of(head.softmax), code_of(head.box_code, words), decimal(head.class_share),
                 pairs_of(anchors, words));
}

// The heads, as elements of a list.
std::string heads_of(const graph::Network& network, Language language) {
  const std::vector<std::string> names = output_names(network);
  std::string text;
  std::size_t output = 0;
  for (const int index : network.heads()) {
    text += text_of(network, index, names[output++], words_of(language));
  }
  return text;
}

// What decodes the kinds of heads that the network has, as templates.
struct HeadKinds {
  std::string_view anchors, distances, ssd;
};
HeadKinds kinds_of(Language language) {
  switch (language) {
    case Language::kSwift:
      return {kSwiftAnchors, kSwiftDistances, kSwiftSsd};
    case Language::kKotlin:
      return {kKotlinAnchors, kKotlinDistances, kKotlinSsd};
    case Language::kTypeScript:
      return {kTypeScriptAnchors, kTypeScriptDistances, kTypeScriptSsd};
    case Language::kCpp:
      return {kCppAnchors, kCppDistances, kCppSsd};
  }
  return {};
}

struct Has {
  bool anchors = false, distances = false, ssd = false;
};
Has kinds_in(const graph::Network& network) {
  Has has;
  for (const int index : network.heads()) {
    const graph::Operation& operation = network.layers[index].operation;
    const bool distances = std::holds_alternative<graph::Distances>(operation);
    const bool ssd = std::holds_alternative<graph::Ssd>(operation);
    has.distances |= distances;
    has.ssd |= ssd;
    has.anchors |= !distances && !ssd;
  }
  return has;
}

// "    case person = 0" and so on.
std::string case_of(const std::string& member, const std::string& label, std::size_t index,
                    Language language) {
  switch (language) {
    case Language::kSwift:
      return fmt::format("    case {} = {}\n", member, index);
    case Language::kKotlin:
      return fmt::format("    {}({}),\n", member, literal(label, language));
    case Language::kTypeScript:
      return fmt::format("  {}: {},\n", member, index);
    default:
      return fmt::format("  {} = {},\n", member, index);
  }
}

}  // namespace

Source::Source(const graph::Network& network, const WriteOptions& options, const std::string& stem)
    : network_(network), options_(options), stem_(stem), name_(type_name(stem)) {
  labels_ = network.classes;
  for (auto i = labels_.size(); i < static_cast<std::size_t>(network.class_count()); ++i) {
    labels_.push_back("class " + std::to_string(i));
  }
}

std::string Source::folder() const { return stem_.substr(0, stem_.rfind('/') + 1); }

std::string Source::file_literal(const char* ending, Language language) const {
  return literal(after_slash(stem_) + ending, language);
}

std::string Source::cases(Language language) const {
  const auto members = member_names(labels_, language);
  std::string text;
  for (std::size_t i = 0; i < members.size(); ++i) {
    text += case_of(members[i], labels_[i], i, language);
  }
  return text;
}

std::string Source::label_list(Language language) const {
  const char* indent = language == Language::kSwift ? "        "
                       : language == Language::kCpp ? "      "
                                                    : "  ";
  std::string text;
  for (const std::string& label : labels_) text += indent + literal(label, language) + ",\n";
  return text;
}

// Whether the classes have thresholds of their own, which the user did not overrule.
bool Source::has_own_scores() const { return !options_.thresholds.class_scores.empty(); }

// What `score` is unless an app sets it: one number for all classes, or nothing.
std::string Source::score(Language language) const {
  const std::string number = decimal(options_.thresholds.score);
  switch (language) {
    case Language::kSwift:
      return has_own_scores() ? "nil" : number;
    case Language::kKotlin:
      return has_own_scores() ? "null" : number + "f";
    case Language::kTypeScript:
      return has_own_scores() ? "" : "score: " + number + ", ";
    case Language::kCpp:
      return has_own_scores() ? "" : " = " + number + "F";
  }
  return number;
}

// The threshold of each class.
std::string Source::own_scores(Language language) const {
  const auto& scores = options_.thresholds.class_scores;
  const bool cpp = language == Language::kCpp, kotlin = language == Language::kKotlin;
  const std::string suffix = cpp ? "F" : kotlin ? "f" : "";
  const std::string all = decimal(options_.thresholds.score) + suffix;
  const std::string count = std::to_string(labels_.size());
  if (scores.empty()) {
    switch (language) {
      case Language::kSwift:
        return "Array(repeating: " + all + ", count: " + count + ")";
      case Language::kKotlin:
        return "FloatArray(" + count + ") { " + all + " }";
      case Language::kTypeScript:
        return "labels.map(() => " + all + ")";
      case Language::kCpp:
        return "(kClasses, " + all + ")";
    }
  }
  constexpr std::size_t kInALine = 8;
  std::string list;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    list += (i % kInALine == 0 ? "\n        " : " ") + decimal(scores[i]) + suffix + ",";
  }
  const std::string_view open = cpp ? "{" : kotlin ? "floatArrayOf(" : "[";
  const std::string_view close = cpp ? "}" : kotlin ? ")" : "]";
  return fmt::format("{}{}\n    {}", open, list, close);
}

std::vector<Value> Source::values(Language language) const {
  const image::Preprocess& seen = network_.preprocess;
  const Has has = kinds_in(network_);
  const HeadKinds kinds = kinds_of(language);
  const std::vector<Value> named{{"NAME", name_}};
  std::string decoders;
  if (has.anchors) decoders += filled(kinds.anchors, named);
  if (has.distances) decoders += filled(kinds.distances, named);
  if (has.ssd) decoders += filled(kinds.ssd, named);
  return {
      {"TITLE", comment(network_.name.empty() ? after_slash(stem_) : network_.name)},
      {"NAME", name_},
      {"STEM", literal(after_slash(stem_), language)},
      {"STEM_TEXT", comment(after_slash(stem_))},
      {"WIDTH", std::to_string(network_.input.width)},
      {"HEIGHT", std::to_string(network_.input.height)},
      {"STRETCH", text_of(seen.fit == image::Preprocess::Fit::kStretch)},
      {"CENTRES", text_of(seen.sampling == image::Preprocess::Sampling::kPixelCentres)},
      {"BORDER", decimal(seen.border)},
      {"BGR", text_of(seen.bgr)},
      {"SCORE", score(language)},
      {"SCORE_NOTE", has_own_scores() ? ", chosen on its validation images" : ""},
      {"OWN_SCORES", own_scores(language)},
      {"LOWEST", decimal(options_.thresholds.lowest_score()) + (language == Language::kKotlin ? "f"
                                                                : language == Language::kCpp  ? "F"
                                                                                             : "")},
      {"IOU", decimal(options_.thresholds.iou)},
      {"MAX", std::to_string(options_.thresholds.max_detections)},
      {"CLASSES", std::to_string(labels_.size())},
      {"CASES", cases(language)},
      {"LABELS", label_list(language)},
      {"HEADS", heads_of(network_, language)},
      {"HEAD_KINDS", decoders}};
}

File Source::swift(std::string_view text) const {
  std::vector<Value> all = values(Language::kSwift);
  const auto part = [&](std::string_view name, std::string_view source) {
    return Value{name, filled(source, all)};
  };
  all.push_back(part("SCORES", kSwiftScores));
  std::vector<Value> parts{part("RESULTS", kSwiftResults), part("PLACEMENT", kSwiftPlacement),
                           part("DECODING", kSwiftDecoding), part("PIXELS", kSwiftPixels)};
  std::ranges::move(parts, std::back_inserter(all));
  return text_file(folder() + name_ + "Detector.swift", filled(text, all));
}

File Source::kotlin(std::string_view text, const char* ending) const {
  std::vector<Value> all = values(Language::kKotlin);
  all.push_back({"PACKAGE", options_.kotlin_package});
  // The engine takes 0 as the model's own.
  all.push_back({"ENGINE_SCORE", has_own_scores() ? "0f" : score(Language::kKotlin)});
  all.push_back({"MODEL", file_literal(ending, Language::kKotlin)});
  all.push_back({"TANH", kinds_in(network_).anchors ? "import kotlin.math.tanh\n" : ""});
  all.push_back({"POW", kinds_in(network_).anchors ? "import kotlin.math.pow\n" : ""});
  return text_file(folder() + name_ + "Detector.kt", filled(text, all));
}

File Source::typescript(std::string_view text, std::vector<Value> more) const {
  std::vector<Value> all = values(Language::kTypeScript);
  std::ranges::move(more, std::back_inserter(all));
  return text_file(folder() + after_slash(stem_) + "_detector.ts", filled(text, all));
}

File Source::cpp(std::string_view text) const {
  std::vector<Value> all = values(Language::kCpp);
  std::string space = name_;
  std::ranges::transform(space, space.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  all.push_back({"NAMESPACE", space + "_detector"});
  return text_file(folder() + after_slash(stem_) + "_detector.h", filled(text, all));
}

}  // namespace oko::formats::wrappers
