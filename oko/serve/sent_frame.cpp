#include "oko/serve/sent_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/media/picture.h"

namespace oko::serve {
namespace {

constexpr const char* kPlace = "frame";
constexpr std::size_t kMostHeader = std::size_t{128} << 10;
constexpr std::size_t kMostBoxes = 1000;
// More than any phone's camera gives to a page (8K), and little enough to decode at once.
constexpr std::int64_t kMostPixels = 7680LL * 4320;

SentFrame::Kind kind_of(const Json& header) {
  const auto kind = json_get<std::string>(header, "kind", kPlace);
  if (kind == "background") return SentFrame::Kind::kBackground;
  if (kind == "label") return SentFrame::Kind::kToLabel;
  throw input_error(kPlace, "its kind is neither \"background\" nor \"label\"");
}

// The size of a whole JPEG image.
image::Size checked_size(const Bytes& jpeg) {
  const media::PictureInfo info = media::probe(jpeg);
  const image::Size size = info.upright_size();
  if (info.format != "jpeg") throw input_error(kPlace, "is not a JPEG image");
  if (size.width < 1 || size.height < 1 ||
      static_cast<std::int64_t>(size.width) * size.height > kMostPixels) {
    throw input_error(kPlace, fmt::format("{}x{} is no size of a frame", size.width, size.height));
  }
  media::decode(jpeg, kPlace);
  return size;
}

// Edges are clipped, as a detector may see an object's hidden part; NaN fails every comparison.
void add_box(SentFrame& frame, const Json& box, int classes) {
  constexpr std::size_t kValues = 5;
  if (!box.is_array() || box.size() != kValues || !box[0].is_number_integer() ||
      !std::all_of(box.begin(), box.end(), [](const Json& value) { return value.is_number(); })) {
    throw input_error(kPlace, "a box is a class and four edges");
  }
  const auto class_id = box[0].get<double>();
  if (!(class_id >= 0 && class_id < classes)) {
    throw input_error(kPlace, fmt::format("the model has no class {}", class_id));
  }
  std::array<double, 4> edges{};
  for (std::size_t i = 0; i < edges.size(); ++i) {
    edges[i] = box[i + 1].get<double>();
    if (!std::isfinite(edges[i])) throw input_error(kPlace, "an edge is not a finite number");
  }
  const double width = frame.size.width, height = frame.size.height;
  dataset::Object object;
  object.class_id = static_cast<int>(class_id);
  object.box = {static_cast<float>(std::clamp(edges[0], 0.0, width)),
                static_cast<float>(std::clamp(edges[1], 0.0, height)),
                static_cast<float>(std::clamp(edges[2], 0.0, width)),
                static_cast<float>(std::clamp(edges[3], 0.0, height))};
  if (object.box.right - object.box.left < 1 || object.box.bottom - object.box.top < 1) return;
  frame.objects.push_back(object);
}

}  // namespace

SentFrame parse_sent_frame(const Bytes& body, int classes) {
  const std::string_view text = body.text();
  const std::size_t end = text.substr(0, kMostHeader).find('\n');
  if (end == std::string_view::npos) throw input_error(kPlace, "has no header line");
  const Json header = parse_json(text.substr(0, end), kPlace);
  SentFrame frame;
  frame.kind = kind_of(header);
  frame.jpeg = body.part(end + 1, body.size() - end - 1);
  const auto boxes = json_get<Json>(header, "boxes", kPlace);
  if (!boxes.is_array() || boxes.size() > kMostBoxes) {
    throw input_error(kPlace, fmt::format("its boxes are not an array of at most {}", kMostBoxes));
  }
  frame.size = checked_size(frame.jpeg);
  if (frame.kind == SentFrame::Kind::kBackground) return frame;
  for (const Json& box : boxes) add_box(frame, box, classes);
  return frame;
}

}  // namespace oko::serve
