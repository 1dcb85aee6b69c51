#include "oko/formats/wrappers/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "oko/formats/heads.h"
#include "oko/formats/wrappers/templates.h"
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

struct Head : graph::AnchorHead {
  std::string output;
};

std::vector<Head> heads_of(const graph::Network& network) {
  const std::vector<std::string> names = output_names(network);
  std::vector<Head> heads;
  for (const int index : network.heads()) {
    heads.push_back({graph::usual_head_of(network, index), names[heads.size()]});
  }
  return heads;
}

// Anchors as a list of pairs, each by a format string for the width and the height.
std::string pairs_of(const Head& head, const char* pattern) {
  std::string text;
  for (int box = 0; box < head.boxes; ++box) {
    const graph::Anchor a = head.anchor(box);
    if (!text.empty()) text += ", ";
    text += fmt::format(fmt::runtime(pattern), decimal(a.width), decimal(a.height));
  }
  return text;
}

std::string text_of(const Head& h, Language language) {
  const std::string spread = decimal(h.scale_x_y);
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

std::vector<Value> Source::values(Language language) const {
  const image::Preprocess& seen = network_.preprocess;
  std::string heads;
  for (const Head& head : heads_of(network_)) heads += text_of(head, language);
  return {{"TITLE", comment(network_.name.empty() ? after_slash(stem_) : network_.name)},
          {"NAME", name_},
          {"STEM", literal(after_slash(stem_), language)},
          {"STEM_TEXT", comment(after_slash(stem_))},
          {"WIDTH", std::to_string(network_.input.width)},
          {"HEIGHT", std::to_string(network_.input.height)},
          {"STRETCH", text_of(seen.fit == image::Preprocess::Fit::kStretch)},
          {"CENTRES", text_of(seen.sampling == image::Preprocess::Sampling::kPixelCentres)},
          {"BORDER", decimal(seen.border)},
          {"BGR", text_of(seen.bgr)},
          {"SCORE", decimal(options_.thresholds.score)},
          {"IOU", decimal(options_.thresholds.iou)},
          {"MAX", std::to_string(options_.thresholds.max_detections)},
          {"CLASSES", std::to_string(labels_.size())},
          {"CASES", cases(language)},
          {"LABELS", label_list(language)},
          {"HEADS", heads}};
}

File Source::swift(std::string_view text) const {
  std::vector<Value> all = values(Language::kSwift);
  const auto part = [&](std::string_view name, std::string_view source) {
    return Value{name, filled(source, all)};
  };
  std::vector<Value> parts{part("RESULTS", kSwiftResults), part("PLACEMENT", kSwiftPlacement),
                           part("DECODING", kSwiftDecoding), part("PIXELS", kSwiftPixels)};
  std::ranges::move(parts, std::back_inserter(all));
  return text_file(folder() + name_ + "Detector.swift", filled(text, all));
}

File Source::kotlin(std::string_view text, const char* ending) const {
  std::vector<Value> all = values(Language::kKotlin);
  all.push_back({"PACKAGE", options_.kotlin_package});
  all.push_back({"MODEL", file_literal(ending, Language::kKotlin)});
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
