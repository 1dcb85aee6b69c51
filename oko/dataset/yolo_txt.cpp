#include "oko/dataset/yolo_txt.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "oko/base/json.h"

namespace oko::dataset {
namespace {

// Numbers above this are surely pixels and not parts of a side.
constexpr double kSurelyPixels = 2;

std::optional<std::vector<double>> numbers_of(std::string_view line) {
  std::vector<double> numbers;
  for (const std::string_view word : split_blanks(line)) {
    const auto value = parse_number(word);
    if (!value) return std::nullopt;
    numbers.push_back(*value);
  }
  return numbers;
}

// Relative edges: of centre and size, or around a polygon's points.
Corners edges_of(const std::vector<double>& numbers) {
  if (numbers.size() == 5) {
    const double half_width = numbers[3] / 2, half_height = numbers[4] / 2;
    return {numbers[1] - half_width, numbers[2] - half_height, numbers[1] + half_width,
            numbers[2] + half_height};
  }
  Corners around{numbers[1], numbers[2], numbers[1], numbers[2]};
  for (std::size_t i = 1; i + 1 < numbers.size(); i += 2) {
    around.x1 = std::min(around.x1, numbers[i]);
    around.x2 = std::max(around.x2, numbers[i]);
    around.y1 = std::min(around.y1, numbers[i + 1]);
    around.y2 = std::max(around.y2, numbers[i + 1]);
  }
  return around;
}

// Whether the numbers are parts of a picture's sides; tells where not.
bool relative(const std::vector<double>& numbers, const std::string& place,
              std::vector<Finding>& findings) {
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (std::isfinite(numbers[i]) && numbers[i] >= 0 && numbers[i] <= 1) continue;
    if (!std::isfinite(numbers[i]) || std::abs(numbers[i]) > kSurelyPixels) {
      add_error(findings, "bad-number", place,
                fmt::format("{:g} is no part of the picture's side, 0 to 1", numbers[i]),
                "the box is left out");
      return false;
    }
    add_warning(findings, "out-of-range", place, fmt::format("{:g} is outside 0 to 1", numbers[i]),
                "the box is clipped to the picture");
    return true;
  }
  return true;
}

}  // namespace

ParsedFile parse_yolo_labels(std::string_view text, const std::string& name, image::Size size) {
  ParsedFile file;
  ParsedPicture picture;
  picture.size = size;
  picture.place = name;
  int line_number = 0;
  for (const std::string_view line : split_lines(text)) {
    ++line_number;
    if (trimmed(line).empty()) continue;
    const std::string place = fmt::format("{}:{}", name, line_number);
    const auto numbers = numbers_of(line);
    const std::size_t count = numbers ? numbers->size() : 0;
    if (count != 5 && (count < 7 || count % 2 == 0)) {
      add_error(file.findings, "bad-annotation", place,
                "not \"class x_centre y_centre width height\" in numbers", "the line is left out");
      continue;
    }
    const double class_id = numbers->front();
    if (!(class_id >= 0 && class_id < 1e6) || std::trunc(class_id) != class_id) {
      add_error(file.findings, "unknown-class", place,
                fmt::format("the class is {:g}, no whole number from 0", class_id),
                "the box is left out");
      continue;
    }
    if (!relative(*numbers, place, file.findings)) continue;
    Corners corners = edges_of(*numbers);
    corners.x1 *= size.width;
    corners.x2 *= size.width;
    corners.y1 *= size.height;
    corners.y2 *= size.height;
    const auto box = usable_box(corners, place, file.findings);
    if (!box) continue;
    ParsedObject parsed;
    parsed.object.box = *box;
    parsed.object.class_id = static_cast<int>(class_id);
    parsed.object.place = place;
    picture.objects.push_back(std::move(parsed));
  }
  file.pictures.push_back(std::move(picture));
  return file;
}

bool is_yolo_labels(std::string_view text) {
  for (const std::string_view line : split_lines(text.substr(0, std::size_t{1} << 16))) {
    if (trimmed(line).empty()) continue;
    const auto numbers = numbers_of(line);
    return numbers && numbers->size() >= 5;
  }
  return false;
}

std::string yolo_labels_text(const Sample& sample) {
  const double width = std::max(1, sample.size.width), height = std::max(1, sample.size.height);
  std::string text;
  for (const Object& object : sample.objects) {
    if (object.crowd) continue;
    const std::array<double, 4> edges{static_cast<double>(object.box.left) / width,
                                      static_cast<double>(object.box.top) / height,
                                      static_cast<double>(object.box.right) / width,
                                      static_cast<double>(object.box.bottom) / height};
    text +=
        fmt::format("{} {:.9g} {:.9g} {:.9g} {:.9g}\n", object.class_id, (edges[0] + edges[2]) / 2,
                    (edges[1] + edges[3]) / 2, edges[2] - edges[0], edges[3] - edges[1]);
  }
  return text;
}

// In single quotes; in double ones where it holds what YAML folds or does not print.
static std::string quoted(const std::string& name) {
  const std::pair<std::string_view, std::string_view> kEscapes[]{{"\x7F", "\\x7F"},
                                                                 {"\xC2\x85", "\\u0085"},
                                                                 {"\xE2\x80\xA8", "\\L"},
                                                                 {"\xE2\x80\xA9", "\\P"},
                                                                 {"\xEF\xBB\xBF", "\\uFEFF"}};
  const bool odd =
      std::any_of(name.begin(), name.end(), [](char c) { return c >= 0 && c < ' '; }) ||
      std::any_of(std::begin(kEscapes), std::end(kEscapes),
                  [&](const auto& escape) { return name.find(escape.first) != std::string::npos; });
  std::string text;
  if (!odd) {
    for (const char c : name) text += c == '\'' ? std::string("''") : std::string(1, c);
    return "'" + text + "'";
  }
  text = Json(name).dump(-1, ' ', false, Json::error_handler_t::replace);  // JSON is YAML
  for (const auto& [raw, escape] : kEscapes) {
    for (auto at = text.find(raw); at != std::string::npos; at = text.find(raw, at)) {
      text.replace(at, raw.size(), escape);
    }
  }
  return text;
}

std::string data_yaml_text(const std::vector<std::string>& classes,
                           const std::vector<std::string>& splits) {
  std::string text;
  for (const std::string& split : splits) text += fmt::format("{0}: images/{0}\n", split);
  text += fmt::format("nc: {}\nnames:\n", classes.size());
  for (std::size_t i = 0; i < classes.size(); ++i) {
    text += fmt::format("  {}: {}\n", i, quoted(classes[i]));
  }
  return text;
}

}  // namespace oko::dataset
