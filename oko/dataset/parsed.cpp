#include "oko/dataset/parsed.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "oko/dataset/paths.h"

namespace oko::dataset {
namespace {

constexpr double kLargestCoordinate = 1e7;

Finding& add(std::vector<Finding>& findings, Finding::Severity severity, std::string kind,
             std::string place, std::string message, std::string repair) {
  Finding& finding = findings.emplace_back();
  finding.severity = severity;
  finding.kind = std::move(kind);
  finding.place = std::move(place);
  finding.message = std::move(message);
  finding.repair = std::move(repair);
  return finding;
}

// Whether a pixel box looks like one in fractions of the image's sides.
bool looks_relative(const Corners& c) {
  constexpr double kSlack = .05;  // past the edges
  const auto all = {c.x1, c.y1, c.x2, c.y2};
  return c.x1 < c.x2 && c.y1 < c.y2 &&
         std::all_of(all.begin(), all.end(),
                     [](double v) { return v >= -kSlack && v <= 1 + kSlack; }) &&
         std::any_of(all.begin(), all.end(), [](double v) { return std::trunc(v) != v; });
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

template <typename T>
std::optional<T> parse_whole(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

const char* name_of(Finding::Severity severity) {
  switch (severity) {
    case Finding::Severity::kError:
      return "error";
    case Finding::Severity::kWarning:
      return "warning";
    default:
      return "note";
  }
}

std::string size_text(image::Size size) { return fmt::format("{}x{}", size.width, size.height); }

Finding& add_error(std::vector<Finding>& findings, std::string kind, std::string place,
                   std::string message, std::string repair) {
  return add(findings, Finding::Severity::kError, std::move(kind), std::move(place),
             std::move(message), std::move(repair));
}

Finding& add_warning(std::vector<Finding>& findings, std::string kind, std::string place,
                     std::string message, std::string repair) {
  return add(findings, Finding::Severity::kWarning, std::move(kind), std::move(place),
             std::move(message), std::move(repair));
}

Finding& add_note(std::vector<Finding>& findings, std::string kind, std::string place,
                  std::string message, std::string repair) {
  return add(findings, Finding::Severity::kNote, std::move(kind), std::move(place),
             std::move(message), std::move(repair));
}

void add_missing_image(std::vector<Finding>& findings, const ParsedPicture& picture,
                       std::string message) {
  Finding& finding = add_error(findings, "missing-image", picture.place, std::move(message),
                               "it is dropped with its boxes");
  finding.images_lost = 1;
  finding.boxes_lost = static_cast<int>(picture.objects.size());
}

std::optional<double> parse_number(std::string_view text) { return parse_whole<double>(text); }
std::optional<int> parse_int(std::string_view text) { return parse_whole<int>(text); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of("\r\n"), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + (text.substr(end, 2) == "\r\n" ? 2 : 1), text.size()));
  }
  return lines;
}

std::vector<std::string_view> split_blanks(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < line.size();) {
    while (i < line.size() && is_blank(line[i])) ++i;
    const std::size_t start = i;
    while (i < line.size() && !is_blank(line[i])) ++i;
    if (i > start) words.push_back(line.substr(start, i - start));
  }
  return words;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string spelling_key(std::string_view name) {
  std::string key;
  for (const std::string_view word : split_blanks(name)) key += lower(word) + " ";
  return key;
}

std::optional<image::Box> usable_box(Corners c, const std::string& place,
                                     std::vector<Finding>& findings) {
  for (const double value : {c.x1, c.y1, c.x2, c.y2}) {
    if (!std::isfinite(value) || std::abs(value) > kLargestCoordinate) {
      add_error(findings, "bad-number", place, fmt::format("a box edge is {}", value),
                "the box is dropped")
          .boxes_lost = 1;
      return std::nullopt;
    }
  }
  if (c.x1 > c.x2 || c.y1 > c.y2) {
    add_warning(findings, "inverted-box", place,
                fmt::format("the corners ({:g}, {:g}) and ({:g}, {:g}) are inverted", c.x1, c.y1,
                            c.x2, c.y2),
                "the corners are swapped");
    if (c.x1 > c.x2) std::swap(c.x1, c.x2);
    if (c.y1 > c.y2) std::swap(c.y1, c.y2);
  }
  if (!c.scaled && looks_relative(c)) {
    add_error(findings, "relative-box", place,
              fmt::format("the box from ({:g}, {:g}) to ({:g}, {:g}) looks relative to the image, "
                          "0 to 1; this format uses pixels",
                          c.x1, c.y1, c.x2, c.y2),
              "the box is dropped: multiply its values by the image's width and height")
        .boxes_lost = 1;
    return std::nullopt;
  }
  const double inside = c.inclusive ? 1 : 0;  // 1-based pixels to edges
  const image::Box box{static_cast<float>(c.x1 - inside), static_cast<float>(c.y1 - inside),
                       static_cast<float>(c.x2), static_cast<float>(c.y2)};
  if (box.area() <= 0 || (box.width() <= 1 && box.height() <= 1)) {
    add_warning(findings, "empty-box", place,
                fmt::format("the box from ({:g}, {:g}) to ({:g}, {:g}) is at most one pixel", c.x1,
                            c.y1, c.x2, c.y2),
                "the box is dropped")
        .boxes_lost = 1;
    return std::nullopt;
  }
  return box;
}

PixelBox whole_pixels(const image::Box& box, image::Size picture) {
  const auto along = [](float low, float high, int side) {
    const long last = side > 0 ? side : std::numeric_limits<long>::max();
    const long first = std::clamp(std::lround(low), side > 0 ? 0L : std::lround(low), last - 1);
    return std::pair(first, std::clamp(std::lround(high), first + 1, last));
  };
  auto [left, right] = along(box.left, box.right, picture.width);
  const auto [top, bottom] = along(box.top, box.bottom, picture.height);
  if (right - left == 1 && bottom - top == 1) {
    if (right == picture.width && left > 0) {
      --left;
    } else {
      ++right;
    }
  }
  return {left, top, right, bottom};
}

std::string split_named(std::string_view name) {
  std::string word = lower(name);
  while (!word.empty() && word.back() >= '0' && word.back() <= '9') word.pop_back();
  while (word.ends_with('_') || word.ends_with('-')) word.pop_back();
  if (word == "train" || word == "training") return "train";
  if (word == "val" || word == "valid" || word == "validation") return "val";
  if (word == "test" || word == "testing") return "test";
  return "";
}

// The words of a name, in lower case: letters between other characters. "my_train2017" has "my" and
// "train".
static std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char c : lower(name)) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c & 0x80) != 0;
    if (is_letter && !inside) words.emplace_back();
    if (is_letter) words.back() += c;
    inside = is_letter;
  }
  return words;
}

static std::string split_of_word(std::string_view word) {
  for (const std::string_view ending : {"set", "data"}) {
    if (word.ends_with(ending)) word.remove_suffix(ending.size());
  }
  return split_named(word);
}

std::string split_of_stem(std::string_view stem) {
  std::set<std::string> splits;
  for (const std::string& word : words_of(stem)) splits.insert(split_of_word(word));
  splits.erase("");
  return splits.size() == 1 ? *splits.begin() : "";
}

std::string split_of_folder(std::string_view name) {
  constexpr std::array<std::string_view, 11> kTellNothing{
      "set", "dataset", "split", "jpg", "jpeg", "png", "coco", "yolo", "pascal", "txt", "json"};
  const std::vector<std::string> words = words_of(name);
  const bool plain = std::all_of(words.begin(), words.end(), [&](const std::string& word) {
    return !split_of_word(word).empty() || is_usual_folder(word) ||
           std::find(kTellNothing.begin(), kTellNothing.end(), word) != kTellNothing.end();
  });
  return plain ? split_of_stem(name) : "";
}

std::string split_of_path(std::string_view path) {
  while (true) {
    const auto slash = path.find('/');
    if (slash == std::string_view::npos) return "";
    std::string split = split_of_folder(path.substr(0, slash));
    if (!split.empty()) return split;
    path.remove_prefix(slash + 1);
  }
}

LineIndex::LineIndex(std::string_view text) : starts_{0} {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') starts_.push_back(i + 1);
  }
}

int LineIndex::line_at(std::size_t offset) const {
  return static_cast<int>(std::upper_bound(starts_.begin(), starts_.end(), offset) -
                          starts_.begin());
}

}  // namespace oko::dataset
