// Names in generated source. Not part of the library's interface.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace oko::formats::wrappers {

enum class Language { kSwift, kKotlin, kTypeScript, kCpp };

// A name for each member of an enumeration, in the language's own style: trafficLight,
// TRAFFIC_LIGHT, TrafficLight, kTrafficLight. They are valid and unique: anything but letters and
// digits separates words, a leading digit gets an underscore, a keyword a trailing one, a name
// without any letter becomes "class" with its index, and equal names are numbered. Letters of other
// scripts are kept.
std::vector<std::string> member_names(const std::vector<std::string>& names, Language language);

// The name of a type: "yolov3-tiny" gives "Yolov3Tiny"; "Model" if there is no letter. ASCII only,
// as it also names files.
std::string type_name(std::string_view stem);

// A string literal with its quotes, on one line and without characters that change how source is
// read or displayed (oko/base/text.h). Bytes that are not UTF-8 become U+FFFD.
std::string literal(std::string_view text, Language language);

// Text that is safe in comments and string literals of all the languages: it stays on its line and
// ends neither. Characters that could do so become "_".
std::string comment(std::string_view text);

// Substitutes values for {{NAME}}; every name in the template must be given.
struct Value {
  std::string_view name;
  std::string text;
};
std::string filled(std::string_view text, const std::vector<Value>& values);

}  // namespace oko::formats::wrappers
