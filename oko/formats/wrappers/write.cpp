#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/error.h"
#include "oko/formats/wrappers.h"

namespace oko::formats {
namespace {

// Of Java, whose tools see a package's name too, and Kotlin's own that are never names.
constexpr std::array<std::string_view, 64> kKeywords{
    "_",          "abstract",     "as",        "assert",     "boolean",  "break",
    "byte",       "case",         "catch",     "char",       "class",    "const",
    "continue",   "default",      "do",        "double",     "else",     "enum",
    "extends",    "false",        "final",     "finally",    "float",    "for",
    "fun",        "goto",         "if",        "implements", "import",   "in",
    "instanceof", "int",          "interface", "is",         "long",     "native",
    "new",        "null",         "object",    "package",    "private",  "protected",
    "public",     "return",       "short",     "static",     "strictfp", "super",
    "switch",     "synchronized", "this",      "throw",      "throws",   "transient",
    "true",       "try",          "typealias", "typeof",     "val",      "var",
    "void",       "volatile",     "when",      "while"};

bool is_package_part(std::string_view part) {
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  if (part.empty() || is_digit(part.front())) return false;
  return std::ranges::all_of(part, [&](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

// Empty, or why it is not the name of a package.
std::string fault_in_package(std::string_view name) {
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (!is_package_part(part)) return "is not a package name";
    if (std::ranges::find(kKeywords, part) != kKeywords.end()) {
      return "contains the keyword " + std::string(part);
    }
    begin = end + 1;
  }
  return {};
}

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  throw Error(ErrorCode::kUsage, "wrapper", message, hint);
}

void check(const graph::Network& network, const Format& format, const WriteOptions& options) {
  const auto share = [](float value) { return value >= 0 && value <= 1; };
  if (!share(options.thresholds.score) || !share(options.thresholds.iou)) {
    refuse("thresholds must be between 0 and 1", "the usual ones are .25 and .45");
  }
  const std::vector<float>& each = options.thresholds.class_scores;
  if (!each.empty() && (each.size() != static_cast<std::size_t>(network.class_count()) ||
                        !std::ranges::all_of(each, share))) {
    refuse("thresholds of classes must be one for each, between 0 and 1",
           "without them all classes have one");
  }
  if (options.thresholds.max_detections < 1)
    refuse("the maximum number of detections must be at least 1", "the usual one is 300");
  if (options.boxes) {
    if (const char* hint = format.limits(options).no_boxes) {
      refuse(std::string(format.title) + " models cannot contain decoding", hint);
    }
  }
  if (const std::string fault = fault_in_package(options.kotlin_package); !fault.empty()) {
    refuse("the Kotlin package " + options.kotlin_package + " " + fault,
           "write it as com.example.app");
  }
}

}  // namespace

std::vector<File> write_wrapper(const graph::Network& network, const Format& format,
                                const WriteOptions& options, const std::string& stem) {
  if (format.wrapper == nullptr || network.heads().empty() || network.input.channels != 3)
    return {};
  check(network, format, options);
  return format.wrapper(network, options, stem);
}

}  // namespace oko::formats
