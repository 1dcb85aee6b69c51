#include "oko/formats/darknet/sections.h"

#include <cassert>
#include <charconv>
#include <cmath>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/text.h"

namespace oko::formats {
namespace {

// Alternative spellings that Darknet accepts.
constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
    {"conv", "convolutional"}, {"conn", "connected"},    {"max", "maxpool"},
    {"avg", "avgpool"},        {"soft", "softmax"},      {"local_avg", "local_avgpool"},
    {"silence", "empty"},      {"lrn", "normalization"}, {"network", "net"}};

std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string out = "\"";
  for (const char c : text.substr(0, kLongest)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (text.size() > kLongest ? "…\"" : "\"");
}

// The line without blanks, control characters and comment.
std::string stripped(std::string_view line) {
  std::string out;
  for (const char c : line) {
    if (c == '#' || c == ';') break;
    if (static_cast<unsigned char>(c) > ' ') out += c;
  }
  return out;
}

template <typename T>
bool parse(std::string_view text, T& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse_number(std::string_view text, int& value) { return parse(text, value); }
bool parse_number(std::string_view text, float& value) {
  return parse(text, value) && std::isfinite(value);
}

const char* kind_of(int) { return "a whole number"; }
const char* kind_of(float) { return "a number"; }

template <typename T>
T parse_one(std::string_view text, const std::string& place, std::string_view key) {
  T value{};
  if (parse_number(text, value)) return value;
  throw input_error(place,
                    std::string(key) + " must be " + kind_of(T{}) + ", found " + shown(text));
}

// Numbers between commas; a comma at the end is allowed, as Darknet does.
template <typename T>
std::vector<T> parse_list(std::string_view text, const std::string& place, std::string_view key) {
  std::vector<T> values;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    values.push_back(parse_one<T>(text.substr(0, comma), place, key));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return values;
}

}  // namespace

std::string_view DarknetSection::kind() const {
  for (const auto& [alias, kind] : kAliases) {
    if (name_ == alias) return kind;
  }
  return name_;
}

std::string DarknetSection::place_at(int line) const { return file_ + ":" + std::to_string(line); }

std::string DarknetSection::place() const { return place_at(line_); }

std::string DarknetSection::place_of(std::string_view key) const {
  const auto found = values_.find(key);
  assert(found != values_.end());
  return place_at(found->second.line);
}

void DarknetSection::add(std::string key, std::string text, int line) {
  const auto [it, added] = values_.try_emplace(key, Value{text, line});
  if (added) {
    order_.push_back(std::move(key));
  } else if (it->second.text != text) {
    repeated_.push_back(place_at(line) + ": " + shown(key) + " is given twice in [" + name_ +
                        "]; the first, in line " + std::to_string(it->second.line) +
                        ", counts, as in Darknet");
  }
}

DarknetSection::Value& DarknetSection::value(std::string_view key) {
  const auto it = values_.find(key);
  if (it == values_.end()) {
    throw input_error(place(), "[" + name_ + "] has no " + std::string(key),
                      "add a line " + std::string(key) + "=…");
  }
  it->second.used = true;
  return it->second;
}

std::string DarknetSection::text(std::string_view key) { return value(key).text; }

int DarknetSection::integer(std::string_view key) {
  const Value& found = value(key);
  return parse_one<int>(found.text, place_at(found.line), key);
}

int DarknetSection::integer_or(std::string_view key, int fallback) {
  return has(key) ? integer(key) : fallback;
}

float DarknetSection::number_or(std::string_view key, float fallback) {
  if (!has(key)) return fallback;
  const Value& found = value(key);
  return parse_one<float>(found.text, place_at(found.line), key);
}

std::vector<int> DarknetSection::integers(std::string_view key) {
  const Value& found = value(key);
  return parse_list<int>(found.text, place_at(found.line), key);
}

std::vector<float> DarknetSection::numbers(std::string_view key) {
  const Value& found = value(key);
  return parse_list<float>(found.text, place_at(found.line), key);
}

std::vector<std::string> DarknetSection::unused() const {
  std::vector<std::string> keys;
  for (const std::string& key : order_) {
    if (!values_.find(key)->second.used) keys.push_back(key);
  }
  return keys;
}

std::vector<DarknetSection> read_darknet_sections(std::string_view text, const std::string& file) {
  std::vector<DarknetSection> sections;
  text = without_bom(text);
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string line = stripped(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (line.empty()) continue;
    const std::string place = file + ":" + std::to_string(number);
    if (line.front() == '[') {
      if (line.back() != ']') {
        throw input_error(place, shown(line) + " has no closing bracket", "write [name]");
      }
      sections.emplace_back(line.substr(1, line.size() - 2), file, number);
      continue;
    }
    const std::size_t equals = line.find('=');
    if (equals == 0 || equals == std::string::npos) {
      throw input_error(place, shown(line) + " is neither [section] nor key=value",
                        "is this a Darknet .cfg file?");
    }
    if (sections.empty()) {
      throw input_error(place, shown(line) + " comes before the first [section]",
                        "a Darknet .cfg starts with [net]");
    }
    sections.back().add(line.substr(0, equals), line.substr(equals + 1), number);
  }
  return sections;
}

}  // namespace oko::formats
