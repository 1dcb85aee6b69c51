#include "oko/formats/ncnn/param.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "oko/base/error.h"
#include "oko/base/text.h"

namespace oko::formats::ncnn {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r\v\f";
  std::vector<std::string_view> words;
  for (std::size_t at = line.find_first_not_of(kBlank); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kBlank, end);
  }
  return words;
}

template <typename T>
std::optional<T> parsed(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// ncnn reads a float up to the first character that does not belong to it: "2.f" is 2.
std::optional<float> float_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.ends_with('f') || text.ends_with('F')) text.remove_suffix(1);
  return parsed<float>(text);
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    parts.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// "0=8", or "-23310=1,1.0e-01": key, count, values.
void add_setting(Line& line, std::string_view word) {
  const std::size_t equals = word.find('=');
  const auto key = parsed<int>(word.substr(0, equals));
  if (equals == std::string_view::npos || !key) {
    line.fail("\"" + std::string(word) + "\" is not a key=value setting");
  }
  std::vector<std::string> values = split(word.substr(equals + 1));
  const bool list = *key <= kArrayKey;
  if (list) {
    const auto count = parsed<int>(values.front());
    if (!count || *count < 0 || values.size() != static_cast<std::size_t>(*count) + 1) {
      line.fail("the list \"" + std::string(word) +
                "\" does not have the declared number of values");
    }
    values.erase(values.begin());
  } else if (values.size() != 1) {
    line.fail("\"" + std::string(word) + "\" has more than one value");
  }
  if (!line.settings.emplace(list ? kArrayKey - *key : *key, std::move(values)).second) {
    line.fail("\"" + std::string(word) + "\" is given twice");
  }
}

Line parse_line(const std::vector<std::string_view>& words, const std::string& place) {
  Line line;
  line.place = place;
  if (words.size() < 4) line.fail("is not a layer: expected kind, name, inputs and outputs");
  line.kind = words[0];
  line.name = words[1];
  line.place += " (" + line.kind + " " + line.name + ")";
  const auto inputs = parsed<int>(words[2]), outputs = parsed<int>(words[3]);
  if (!inputs || !outputs || *inputs < 0 || *outputs < 0 ||
      static_cast<std::size_t>(*inputs) > words.size() - 4 ||
      static_cast<std::size_t>(*outputs) > words.size() - 4 - static_cast<std::size_t>(*inputs)) {
    line.fail("the line has fewer blobs than it declares");
  }
  std::size_t at = 4;
  for (int i = 0; i < *inputs; ++i) line.inputs.emplace_back(words[at++]);
  for (int i = 0; i < *outputs; ++i) line.outputs.emplace_back(words[at++]);
  while (at < words.size()) add_setting(line, words[at++]);
  return line;
}

}  // namespace

void Line::fail(std::string message, std::string hint) const {
  throw input_error(place, std::move(message), std::move(hint));
}

std::optional<std::array<int, 3>> order_of(int number) {
  static constexpr std::array<std::array<int, 3>, 6> kOrders{
      {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}};
  if (number < 0 || number >= std::ssize(kOrders)) return std::nullopt;
  return kOrders[number];
}

int Line::integer(int key, int fallback) const {
  const auto found = settings.find(key);
  if (found == settings.end()) return fallback;
  const auto value = found->second.size() == 1 ? parsed<int>(found->second[0]) : std::nullopt;
  if (!value) fail("setting " + std::to_string(key) + " is not an integer");
  return *value;
}

float Line::number(int key, float fallback) const {
  const auto found = settings.find(key);
  if (found == settings.end()) return fallback;
  const auto value = found->second.size() == 1 ? float_of(found->second[0]) : std::nullopt;
  if (!value || !std::isfinite(*value)) fail("setting " + std::to_string(key) + " is not a number");
  return *value;
}

std::vector<float> Line::numbers(int key) const {
  std::vector<float> values;
  const auto found = settings.find(key);
  if (found == settings.end()) return values;
  for (const std::string& text : found->second) {
    const bool decimal = text.find_first_of(".eE") != std::string::npos;
    const auto bits = parsed<std::int32_t>(text);
    const auto value = decimal ? float_of(text)
                       : bits  ? std::optional(std::bit_cast<float>(*bits))
                               : std::nullopt;
    if (!value || !std::isfinite(*value)) {
      fail("\"" + text + "\" in the list " + std::to_string(key) + " is not a number");
    }
    values.push_back(*value);
  }
  return values;
}

std::vector<int> Line::integers(int key) const {
  std::vector<int> values;
  const auto found = settings.find(key);
  if (found == settings.end()) return values;
  for (const std::string& text : found->second) {
    const auto value = parsed<int>(text);
    if (!value) fail("\"" + text + "\" in the list " + std::to_string(key) + " is not an integer");
    values.push_back(*value);
  }
  return values;
}

bool is_copy(const Line& line) {
  return line.kind == "Split" || line.kind == "Noop" || line.kind == "Dropout";
}

bool is_constant(const Line& line) { return line.kind == "MemoryData" || line.kind == "PriorBox"; }

Makers::Makers(const std::vector<Line>& lines) {
  for (const Line& line : lines) {
    for (const std::string& blob : line.outputs) {
      lines_[blob] = &line;
      if (is_copy(line) && !line.inputs.empty()) origins_[blob] = origin(line.inputs[0]);
    }
  }
}

const Line* Makers::of(const std::string& blob) const {
  const auto found = lines_.find(blob);
  return found == lines_.end() ? nullptr : found->second;
}

const std::string& Makers::origin(const std::string& blob) const {
  const auto found = origins_.find(blob);
  return found == origins_.end() ? blob : found->second;
}

static constexpr const char* kCutShort = "the file is truncated or was edited: copy it again";

std::vector<Line> parse_param(std::string_view text, const std::string& name) {
  text = without_bom(text);
  std::vector<Line> lines;
  int row = 0, rows = 0;
  std::optional<int> layers;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const auto words = words_of(text.substr(at, end - at));
    at = end + 1;
    const std::string place = name + ":" + std::to_string(++row);
    if (words.empty()) continue;
    if (++rows == 1) {
      if (words.size() == 1 && parsed<int>(words[0]) == kMagic) continue;
      throw input_error(
          place, "is not an ncnn model: a .param starts with 7767517",
          "binary .param.bin files are not supported: use the text .param it was made from");
    }
    if (rows == 2) {
      layers = parsed<int>(words[0]);
      if (words.size() != 2 || !layers || !parsed<int>(words[1])) {
        throw input_error(place, "expected the numbers of layers and blobs");
      }
      continue;
    }
    try {
      lines.push_back(parse_line(words, place));
    } catch (const Error& error) {
      if (at < text.size() || !error.hint().empty()) throw;
      throw input_error(error.place(), error.message(), kCutShort);
    }
  }
  if (!layers || static_cast<std::size_t>(*layers) != lines.size()) {
    throw input_error(name + ":" + std::to_string(row),
                      "the file has " + std::to_string(lines.size()) + " layers but declares " +
                          std::to_string(layers.value_or(0)),
                      kCutShort);
  }
  return lines;
}

}  // namespace oko::formats::ncnn
