#include "oko/dataset/yolo_txt.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "oko/base/json.h"
#include "oko/dataset/text.h"

namespace oko::dataset {
namespace {

// Values above this must be pixels, not fractions of a side.
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

// Whether the values are fractions of an image's sides; reports those that are not.
bool relative(const std::vector<double>& numbers, const std::string& place,
              std::vector<Finding>& findings) {
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (std::isfinite(numbers[i]) && numbers[i] >= 0 && numbers[i] <= 1) continue;
    if (!std::isfinite(numbers[i]) || std::abs(numbers[i]) > kSurelyPixels) {
      add_error(findings, "bad-number", place,
                fmt::format("{:g} is not a fraction of the image's side, 0 to 1", numbers[i]),
                "the box is dropped")
          .boxes_lost = 1;
      return false;
    }
    add_warning(findings, "out-of-range", place, fmt::format("{:g} is outside 0 to 1", numbers[i]),
                "the box is clipped to the image");
    return true;
  }
  return true;
}

// The number of five-number labels on a line that lacks its line breaks; 0 if it is not such a
// line. Each label must start with an integer and have its box inside the image.
std::size_t joined_labels(const std::vector<double>& numbers) {
  constexpr double kSlack = 1e-3;
  if (numbers.size() < 10 || numbers.size() % 5 != 0) return 0;
  for (auto n = numbers.begin(); n != numbers.end(); n += 5) {
    const Corners box = edges_of({n, n + 5});
    const bool is_label = n[0] >= 0 && std::trunc(n[0]) == n[0] && n[3] > 0 && n[4] > 0 &&
                          box.x1 >= -kSlack && box.y1 >= -kSlack && box.x2 <= 1 + kSlack &&
                          box.y2 <= 1 + kSlack;
    if (!is_label) return 0;
  }
  return numbers.size() / 5;
}

// Whether the numbers after the class make sense as a box and its keypoints, each of `step` values.
// Boxes may go past the picture and keypoints past their box, but not far and not most of them.
bool is_like_pose(const std::vector<double>& n, std::size_t step) {
  constexpr double kPast = .1, kClose = .25;
  if ((n.size() - 5) % step != 0 || n[3] <= 0 || n[4] <= 0) return false;
  const Corners box = edges_of({n.begin(), n.begin() + 5});
  if (box.x1 < -kPast || box.y1 < -kPast || box.x2 > 1 + kPast || box.y2 > 1 + kPast) return false;
  std::size_t shown = 0, near = 0;
  Corners around{std::min(n[1], n[3]), std::min(n[2], n[4]), std::max(n[1], n[3]),
                 std::max(n[2], n[4])};
  for (std::size_t i = 5; i < n.size(); i += step) {
    if (step == 3 && n[i + 2] != 0 && n[i + 2] != 1 && n[i + 2] != 2) return false;
    if (n[i] == 0 && n[i + 1] == 0) continue;  // a hidden one
    ++shown;
    near += std::abs(n[i] - n[1]) <= n[3] && std::abs(n[i + 1] - n[2]) <= n[4] ? 1U : 0U;
    around = {std::min(around.x1, n[i]), std::min(around.y1, n[i + 1]), std::max(around.x2, n[i]),
              std::max(around.y2, n[i + 1])};
  }
  // Points of a small polygon are all close together, and two of them read as centre and size too.
  const bool all_close =
      around.x2 - around.x1 < kClose * n[3] && around.y2 - around.y1 < kClose * n[4];
  return shown == 0 || (2 * near > shown && !all_close);
}

// Why a line with this number of values is not a label; "" if it is one.
std::string wrong_count(const std::optional<std::vector<double>>& numbers, const LabelForm& form) {
  const std::string usual = "not numbers \"class x_centre y_centre width height\"";
  if (!numbers) return usual;
  const std::size_t count = numbers->size();
  if (count == 5) return "";
  const auto with_keypoints = static_cast<std::size_t>(5 + form.keypoint_values);
  if (form.keypoint_values > 0 && count == with_keypoints) return "";
  if (form.keypoint_values > 0) {
    return fmt::format("{} numbers, but kpt_shape needs {}", count, with_keypoints);
  }
  if (count == 6) {
    const double last = numbers->back();
    return fmt::format(
        "an unexpected sixth number, {:g}: {}", last,
        last >= 0 && last <= 1 ? "a confidence, as in predictions" : "perhaps an angle");
  }
  if (count < 7) return usual;
  if (const std::size_t joined = joined_labels(*numbers); joined > 0) {
    return fmt::format("{} labels on one line: line breaks are missing", joined);
  }
  if (count % 2 == 0) {
    return fmt::format("{} numbers: a box with keypoints? data.yaml has no kpt_shape", count);
  }
  if (form.ambiguous) {
    return fmt::format(
        "{} numbers: a box with keypoints, or a polygon? data.yaml has no kpt_shape ([{}, 2] for "
        "keypoints, [] for polygons)",
        count, (count - 5) / 2);
  }
  return "";
}

}  // namespace

void LongLines::add(std::string_view line) {
  const auto numbers = numbers_of(line);
  if (!numbers || numbers->size() < 7 || numbers->size() % 2 == 0) return;
  if (joined_labels(*numbers) > 0) return;
  ++count_;
  ++by_length_[numbers->size()];
  if (!is_like_pose(*numbers, 2) && !is_like_pose(*numbers, 3)) ++unlike_pose_;
}

bool LongLines::are_polygons() const {
  // Measured on synthetic labels: up to 1% of boxes with keypoints look wrong as such, 10% of
  // polygons in the middle of their images, and over 25% of other polygons.
  const bool many = 5 * unlike_pose_ >= count_ && unlike_pose_ >= 5;
  if (many || 2 * unlike_pose_ > count_) return true;
  constexpr std::size_t kVaried = 3;
  return by_length_.size() >= kVaried &&
         std::all_of(by_length_.begin(), by_length_.end(),
                     [&](const auto& length) { return 2 * length.second <= count_; });
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
      const std::size_t joined = numbers ? joined_labels(*numbers) : 0;
      add_error(file.findings, "bad-annotation", place, why, "the line is skipped").boxes_lost =
          static_cast<int>(std::max<std::size_t>(joined, 1));
      continue;
    }
    if (form.keypoint_values > 0) numbers->resize(5);
    const double class_id = numbers->front();
    if (!(class_id >= 0 && class_id < 1e6) || std::trunc(class_id) != class_id) {
      add_error(file.findings, "unknown-class", place,
                fmt::format("the class is {:g}, not an integer from 0", class_id),
                "the box is dropped")
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
    parsed.box = *box;
    parsed.class_id = static_cast<int>(class_id);
    parsed.place = place;
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

// In single quotes; in double ones if it contains characters that YAML folds or cannot print.
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
