#include "oko/cli/detect_track.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "oko/base/error.h"
#include "oko/media/draw.h"

namespace oko::cli {
namespace {

// "10,20,30,40" as two points.
std::vector<track::Point> points_of(const std::string& text, const char* option) {
  std::vector<double> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  bool right = true;
  for (bool more = true; right && more;) {
    double number = 0;
    const auto [next, failure] = std::from_chars(at, end, number);
    right = failure == std::errc() && std::isfinite(number) && (next == end || *next == ',');
    more = right && next != end;
    at = next + (more ? 1 : 0);
    numbers.push_back(number);
  }
  if (!right || numbers.size() % 2 != 0) {
    throw Error(ErrorCode::kUsage, option, "'" + text + "' is not a list of points",
                "give x,y,x,y in pixels of the upright frame, as 0,200,640,200");
  }
  std::vector<track::Point> points;
  for (std::size_t i = 0; i < numbers.size(); i += 2) {
    points.push_back({numbers[i], numbers[i + 1]});
  }
  return points;
}

image::Box box_around(const std::vector<track::Point>& points) {
  image::Box box{INFINITY, INFINITY, -INFINITY, -INFINITY};
  for (const track::Point& p : points) {
    box.left = std::min(box.left, static_cast<float>(p.x));
    box.top = std::min(box.top, static_cast<float>(p.y));
    box.right = std::max(box.right, static_cast<float>(p.x));
    box.bottom = std::max(box.bottom, static_cast<float>(p.y));
  }
  return box;
}

}  // namespace

void add_track_arguments(CLI::App& command, TrackArguments& arguments) {
  command.add_flag("--track", arguments.track,
                   "Follow objects through videos: each gets an id that stays with it");
  command
      .add_option("--line", arguments.lines,
                  "Count objects that cross this line; implies --track; may be repeated")
      ->allow_extra_args(false)
      ->type_name("X,Y,X,Y");
  command
      .add_option("--zone", arguments.zones,
                  "Count objects inside this polygon; implies --track; may be repeated")
      ->allow_extra_args(false)
      ->type_name("X,Y,X,Y,X,Y,...");
}

ClipTracker::ClipTracker(const TrackArguments& arguments) : tracker_(track::Options{}) {
  for (const std::string& text : arguments.lines) {
    const std::vector<track::Point> points = points_of(text, "--line");
    if (points.size() != 2) {
      throw Error(ErrorCode::kUsage, "--line", "'" + text + "' has not two points",
                  "give x,y,x,y: where the line begins and ends");
    }
    shapes_.push_back({points, tracker_.counters().add_line(points[0], points[1], -1),
                       fmt::format("line {}", shapes_.size() + 1)});
  }
  const std::size_t lines = shapes_.size();
  for (const std::string& text : arguments.zones) {
    const std::vector<track::Point> points = points_of(text, "--zone");
    shapes_.push_back({points, tracker_.counters().add_zone(points, -1),
                       fmt::format("zone {}", shapes_.size() - lines + 1)});
  }
}

detect::Thresholds ClipTracker::searched(const detect::Thresholds& thresholds) {
  return track::searched(thresholds, track::Options{}.low_score);
}

std::vector<std::uint64_t> ClipTracker::follow(std::vector<detect::Detection>& detections,
                                               const detect::Thresholds& thresholds,
                                               double seconds) {
  std::vector<detect::Detection> seen;
  std::vector<std::uint64_t> ids;
  for (const track::Object& object : tracker_.update(detections, thresholds, seconds)) {
    objects_ = std::max(objects_, object.id);
    if (object.state != track::State::kSeen) continue;
    seen.push_back({object.class_id, object.score, object.box});
    ids.push_back(object.id);
  }
  detections = std::move(seen);
  return ids;
}

void ClipTracker::draw(image::Picture& picture) const {
  constexpr media::Color kColor{255, 255, 255};
  for (const Shape& shape : shapes_) {
    for (std::size_t i = 0; i < shape.corners.size() - (shape.is_line() ? 1 : 0); ++i) {
      const track::Point &from = shape.corners[i],
                         &to = shape.corners[(i + 1) % shape.corners.size()];
      media::draw_line(picture, from.x, from.y, to.x, to.y, kColor);
    }
    const track::Counts& c = tracker_.counters().counts(shape.counter);
    const image::Box box = image::clipped(box_around(shape.corners), picture.size);
    media::draw_text(picture, static_cast<int>(box.left) + 4, static_cast<int>(box.top) + 4,
                     shape.is_line() ? fmt::format("{} in, {} out", c.in, c.out)
                                     : fmt::format("{} inside", c.inside));
  }
}

std::string ClipTracker::summary() const {
  std::string text = fmt::format("{} object{}", objects_, objects_ == 1 ? "" : "s");
  for (const Shape& shape : shapes_) {
    const track::Counts& c = tracker_.counters().counts(shape.counter);
    text += fmt::format("; {}: {} in, {} out", shape.name, c.in, c.out);
    if (!shape.is_line()) text += fmt::format(", {} inside", c.inside);
  }
  return text;
}

Json ClipTracker::json() const {
  Json counters = Json::array();
  for (const Shape& shape : shapes_) {
    const track::Counts& c = tracker_.counters().counts(shape.counter);
    Json counter = {{"name", shape.name}, {"in", c.in}, {"out", c.out}};
    if (!shape.is_line()) counter["inside"] = c.inside;
    counters.push_back(std::move(counter));
  }
  return {{"objects", objects_}, {"counters", std::move(counters)}};
}

}  // namespace oko::cli
