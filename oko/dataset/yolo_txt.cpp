#include "oko/dataset/yolo_txt.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "oko/base/json.h"

namespace oko::dataset {
namespace {

// Numbers above this are surely pixels and not parts of a side.
constexpr double kSurelyPixels = 1.5;

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
                "the box is left out")
          .boxes_lost = 1;
      return false;
    }
    add_warning(findings, "out-of-range", place, fmt::format("{:g} is outside 0 to 1", numbers[i]),
                "the box is clipped to the picture");
    return true;
  }
  return true;
}

// Why a line of so many numbers is no label; "" where it is one.
std::string wrong_count(const std::optional<std::vector<double>>& numbers, const LabelForm& form) {
  const std::string usual = "not \"class x_centre y_centre width height\" in numbers";
  if (!numbers) return usual;
  const std::size_t count = numbers->size();
  if (count == 5) return "";
  const auto with_keypoints = static_cast<std::size_t>(5 + form.keypoint_values);
  if (form.keypoint_values > 0 && count == with_keypoints) return "";
  if (form.keypoint_values > 0) {
    return fmt::format("{} numbers, but kpt_shape asks for {}", count, with_keypoints);
  }
  if (count == 6) {
    const double last = numbers->back();
    return fmt::format(
        "a sixth number, {:g}, that no label has: {}", last,
        last >= 0 && last <= 1 ? "a confidence, as in predictions" : "perhaps an angle");
  }
  if (count < 7) return usual;
  if (count % 2 == 0 || form.ambiguous) {
    return fmt::format("{} numbers: a box with keypoints? data.yaml has no kpt_shape", count);
  }
  return "";
}

}  // namespace

bool could_be_pose(std::string_view line, std::size_t& count) {
  const auto numbers = numbers_of(line);
  count = numbers ? numbers->size() : 0;
  if (count < 7) return false;
  constexpr double kSlack = 1e-3;
  const auto& n = *numbers;
  const Corners box = edges_of({n[0], n[1], n[2], n[3], n[4]});
  if (box.x1 < -kSlack || box.y1 < -kSlack || box.x2 > 1 + kSlack || box.y2 > 1 + kSlack) {
    return false;
  }
  const auto inside = [&](std::size_t step) {
    if ((count - 5) % step != 0) return false;
    for (std::size_t i = 5; i < count; i += step) {
      const bool hidden = n[i] == 0 && n[i + 1] == 0;
      if (!hidden && (n[i] < box.x1 - kSlack || n[i] > box.x2 + kSlack ||
                      n[i + 1] < box.y1 - kSlack || n[i + 1] > box.y2 + kSlack)) {
        return false;
      }
      if (step == 3 && n[i + 2] != 0 && n[i + 2] != 1 && n[i + 2] != 2) return false;
    }
    return true;
  };
  return inside(2) || inside(3);
}

ParsedFile parse_yolo_labels(std::string_view text, const std::string& name, image::Size size,
                             const LabelForm& form) {
  ParsedFile file;
  ParsedPicture picture;
  picture.size = size;
  picture.place = name;
  int line_number = 0;
  for (const std::string_view line : split_lines(text)) {
    ++line_number;
    if (trimmed(line).empty()) continue;
    const std::string place = fmt::format("{}:{}", name, line_number);
    auto numbers = numbers_of(line);
    if (const std::string why = wrong_count(numbers, form); !why.empty()) {
      add_error(file.findings, "bad-annotation", place, why, "the line is left out").boxes_lost = 1;
      continue;
    }
    if (form.keypoint_values > 0) numbers->resize(5);
    const double class_id = numbers->front();
    if (!(class_id >= 0 && class_id < 1e6) || std::trunc(class_id) != class_id) {
      add_error(file.findings, "unknown-class", place,
                fmt::format("the class is {:g}, no whole number from 0", class_id),
                "the box is left out")
          .boxes_lost = 1;
      continue;
    }
    if (!relative(*numbers, place, file.findings)) continue;
    Corners corners = edges_of(*numbers);
    corners.x1 *= size.width;
    corners.x2 *= size.width;
    corners.y1 *= size.height;
    corners.y2 *= size.height;
    corners.scaled = true;
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
                           const std::vector<std::string>& splits,
                           const std::map<std::string, std::string>& same_splits) {
  std::string text;
  for (const std::string& split : splits) text += fmt::format("{0}: images/{0}\n", split);
  for (const auto& [split, other] : same_splits) {
    text += fmt::format("{}: images/{}\n", split, other);
  }
  text += fmt::format("nc: {}\nnames:\n", classes.size());
  for (std::size_t i = 0; i < classes.size(); ++i) {
    text += fmt::format("  {}: {}\n", i, quoted(classes[i]));
  }
  return text;
}

}  // namespace oko::dataset
