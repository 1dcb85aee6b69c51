#include "oko/formats/decoded_rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "oko/detect/decode.h"

namespace oko::formats {
namespace {

using graph::Tensor;
using image::Box;

// A tensor of two dimensions other than 1.
struct Sides {
  int rows = 0, columns = 0;
};
std::optional<Sides> sides_of(const Tensor& tensor) {
  std::vector<std::int64_t> sides = tensor.shape;
  if (tensor.dtype != graph::DType::kF32) return {};
  if (sides.size() > 1 && sides.front() == 1) sides.erase(sides.begin());  // the batch
  while (sides.size() > 2) {
    const auto one = std::ranges::find(sides, 1);
    if (one == sides.end()) return {};
    sides.erase(one);
  }
  constexpr std::int64_t kMost = 1 << 24;
  if (sides.size() != 2 || sides[0] > kMost || sides[1] > kMost) return {};
  return Sides{static_cast<int>(sides[0]), static_cast<int>(sides[1])};
}

// The values of one of a reading's tables.
class Values {
 public:
  Values(const Reading::Table& table, std::span<const Tensor> tensors)
      : values_(tensors[table.tensor].floats()), first_(table.first) {
    const Sides sides = sides_of(tensors[table.tensor]).value_or(Sides{});
    row_ = table.turned ? 1 : sides.columns;
    column_ = table.turned ? sides.columns : 1;
  }
  float operator()(std::ptrdiff_t row, std::ptrdiff_t column) const {
    return values_[row * row_ + (first_ + column) * column_];
  }

 private:
  std::span<const float> values_;
  std::ptrdiff_t first_, row_ = 0, column_ = 0;
};

enum class BoxForm { kCentre, kCorners, kCornersYFirst };
constexpr BoxForm kForms[] = {BoxForm::kCentre, BoxForm::kCorners, BoxForm::kCornersYFirst};

Box box_at(const Values& values, int row, BoxForm form) {
  const float a = values(row, 0), b = values(row, 1), c = values(row, 2), d = values(row, 3);
  switch (form) {
    case BoxForm::kCentre:
      return {a - c / 2, b - d / 2, a + c / 2, b + d / 2};
    case BoxForm::kCorners:
      return {a, b, c, d};
    case BoxForm::kCornersYFirst:
      return {b, a, d, c};
  }
  return {};
}

Box scaled(const Box& box, const image::Size& by) {
  const auto x = static_cast<float>(by.width), y = static_cast<float>(by.height);
  return {box.left * x, box.top * y, box.right * x, box.bottom * y};
}

// Boxes in pixels of the input.
struct Units {
  BoxForm form;
  bool parts;  // of the input
};
std::vector<Units> units() {
  std::vector<Units> all;
  for (const BoxForm form : kForms) {
    for (const bool parts : {false, true}) all.push_back({form, parts});
  }
  return all;
}
Box box_in_pixels(const Values& values, int row, const Units& unit, const image::Size& input) {
  const Box box = box_at(values, row, unit.form);
  return unit.parts ? scaled(box, input) : box;
}

// The places of a file's rows among those of DecodedRows, for levels from the last or the first and
// boxes of a cell side by side or not.
std::vector<int> order_of(const std::vector<int>& boxes_per_cell, const std::vector<int>& cells,
                          bool from_last, bool side_by_side) {
  const auto levels = static_cast<int>(cells.size());
  std::vector<int> starts;
  int total = 0;
  for (int l = 0; l < levels; ++l) {
    starts.push_back(total);
    total += boxes_per_cell[l] * cells[l];
  }
  std::vector<int> order;
  for (int i = 0; i < levels; ++i) {
    const int l = from_last ? levels - 1 - i : i;
    for (int k = 0; k < boxes_per_cell[l] * cells[l]; ++k) {
      const int place = side_by_side ? k % boxes_per_cell[l] * cells[l] + k / boxes_per_cell[l] : k;
      order.push_back(starts[l] + place);
    }
  }
  return order;
}
template <typename Body>
bool any_order(const std::vector<int>& boxes_per_cell, const std::vector<int>& cells,
               const Body& body) {
  for (const bool from_last : {false, true}) {
    for (const bool side_by_side : {false, true}) {
      if (body(order_of(boxes_per_cell, cells, from_last, side_by_side))) return true;
    }
  }
  return false;
}

bool near(float a, float b, float tolerance) { return std::fabs(a - b) <= tolerance; }

// The largest difference of two boxes' sides, and how large it may be.
float difference(const Box& a, const Box& b) {
  return std::max({std::fabs(a.left - b.left), std::fabs(a.top - b.top),
                   std::fabs(a.right - b.right), std::fabs(a.bottom - b.bottom)});
}
float tolerance_of(const Box& b, const image::Size& input, float rounding) {
  const float size = std::max({1.F, b.right - b.left, b.bottom - b.top});
  const auto side = static_cast<float>(std::max(input.width, input.height));
  return .01F + 2e-3F * size + rounding * (size + side);
}

}  // namespace

std::vector<Reading> readings(std::span<const Tensor> tensors, const std::set<int>& others) {
  std::vector<Reading> found;
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    const auto sides = sides_of(tensors[t]);
    if (!sides) continue;
    for (const bool turned : {false, true}) {
      const int rows = turned ? sides->columns : sides->rows;
      const int columns = turned ? sides->rows : sides->columns;
      const Reading::Table boxes{t, turned, 0};
      if (columns > 5) found.push_back({rows, columns - 5, boxes, {t, turned, 5}, true});
      if (columns > 4) found.push_back({rows, columns - 4, boxes, {t, turned, 4}, false});
      for (const int points : {10, 8}) {
        if (columns <= 5 + points) continue;
        Reading& reading = found.emplace_back(
            Reading{rows, columns - 5 - points, boxes, {t, turned, 5 + points}, true});
        reading.points = points;
      }
      for (const int more : others) {
        if (columns <= 4 + more) continue;
        found.push_back({rows, columns - 4 - more, boxes, {t, turned, 4}, false, more});
      }
      if (columns != 4) continue;
      for (std::size_t s = 0; s < tensors.size(); ++s) {
        const auto scores = sides_of(tensors[s]);
        if (s == t || !scores) continue;
        for (const bool other_turned : {false, true}) {
          const int count = other_turned ? scores->rows : scores->columns;
          if ((other_turned ? scores->columns : scores->rows) != rows) continue;
          // All columns first: without one of them, the scores of the others are right as well.
          found.push_back({rows, count, boxes, {s, other_turned, 0}, false});
          if (count > 1) found.push_back({rows, count - 1, boxes, {s, other_turned, 1}, false});
        }
      }
    }
  }
  return found;
}

DecodedRows rows_of_heads(const graph::Network& heads,
                          const std::vector<std::vector<float>>& maps) {
  const std::vector<detect::HeadMap> views(maps.begin(), maps.end());
  const std::vector<detect::Detection> found = detect::decode(heads, views, -1);
  DecodedRows rows{heads.class_count(), {}, {}, {}, {}};
  const auto classes = static_cast<std::size_t>(rows.classes);
  std::size_t start = 0;
  for (const graph::Layer& layer : heads.layers) {
    const int cells = layer.output.height * layer.output.width;
    int boxes = 1;
    if (const auto* yolo = std::get_if<graph::Yolo>(&layer.operation)) {
      boxes = static_cast<int>(yolo->mask.size());
    } else if (const auto* ssd = std::get_if<graph::Ssd>(&layer.operation)) {
      boxes = static_cast<int>(ssd->anchors.size());
    }
    const bool by_class = std::holds_alternative<graph::Distances>(layer.operation);
    rows.boxes_per_cell.push_back(boxes);
    rows.cells.push_back(cells);
    const auto count = static_cast<std::size_t>(boxes) * static_cast<std::size_t>(cells);
    if (found.size() < start + count * classes) return {};  // boxes were not finite
    for (std::size_t row = 0; row < count; ++row) {
      for (std::size_t id = 0; id < classes; ++id) {
        const auto& one = found[start + (by_class ? id * count + row : row * classes + id)];
        if (id == 0) rows.boxes.push_back(one.box);
        rows.scores.push_back(one.score);
      }
    }
    start += count * classes;
  }
  return rows;
}

std::optional<float> distance_of(const DecodedRows& rows, const Reading& reading,
                                 std::span<const Tensor> tensors, const image::Size& input,
                                 float rounding) {
  const auto count = static_cast<int>(rows.boxes.size());
  if (count == 0 || count != reading.rows || rows.classes != reading.classes) return {};
  const Values boxes(reading.boxes, tensors), scores(reading.scores, tensors);
  const float score_tolerance = 1e-3F + rounding / 2;
  std::optional<float> least;
  for (const Units& unit : units()) {
    const auto try_order = [&](const std::vector<int>& order) {
      float sum = 0;
      for (int row = 0; row < count; ++row) {
        const Box& own = rows.boxes[order[row]];
        const float off = difference(box_in_pixels(boxes, row, unit, input), own);
        if (!(off <= tolerance_of(own, input, rounding))) return false;
        sum += off;
        const float factor = reading.objectness ? boxes(row, 4) : 1;
        for (int id = 0; id < rows.classes; ++id) {
          const float score = rows.scores[std::ptrdiff_t{order[row]} * rows.classes + id];
          if (!near(factor * scores(row, id), score, score_tolerance)) return false;
        }
      }
      const float mean = sum / static_cast<float>(count);
      if (!least || mean < *least) least = mean;
      return false;  // another order may be nearer
    };
    any_order(rows.boxes_per_cell, rows.cells, try_order);
  }
  return least;
}

namespace {

// Finds where the cells of a level are that has these boxes, one for each in order. False if they
// are not a grid of squares: another order of a file's boxes may be the right one.
bool place_cells(Priors& priors, std::span<const Box> boxes, const graph::Shape& shape,
                 const image::Size& input, float rounding) {
  const float width = static_cast<float>(input.width) / static_cast<float>(shape.width);
  const float height = static_cast<float>(input.height) / static_cast<float>(shape.height);
  if (shape.width * shape.height < 2 || width != height) return true;
  const auto x = [&](int cell) { return (boxes[cell].left + boxes[cell].right) / 2; };
  const auto y = [&](int cell) { return (boxes[cell].top + boxes[cell].bottom) / 2; };
  // A file may have x and y the other way round.
  const bool turned = shape.width > 1 && std::fabs(y(1) - y(0)) > std::fabs(x(1) - x(0));
  const auto is_grid = [&](float step, float prior) {
    const float off = .1F * step + rounding / 4 * static_cast<float>(input.width);
    for (int cell = 0; cell < shape.width * shape.height; ++cell) {
      const float across = (static_cast<float>(cell % shape.width) + prior) * step;
      const float down = (static_cast<float>(cell / shape.width) + prior) * step;
      if (!near(turned ? y(cell) : x(cell), across, off) ||
          !near(turned ? x(cell) : y(cell), down, off)) {
        return false;
      }
    }
    return true;
  };
  if (is_grid(width, .5F)) return true;
  constexpr float kMostStride = 1024;
  const float step = turned ? y(1) - y(0) : x(1) - x(0);
  if (!(step >= 1 && step <= kMostStride)) return false;
  priors.stride = static_cast<int>(std::lround(step));
  const auto stride = static_cast<float>(priors.stride);
  priors.prior = std::clamp(std::round(2 * x(0) / stride) / 2, 0.F, 1.F);
  return is_grid(stride, priors.prior);
}

}  // namespace

std::vector<Priors> priors_of_zeros(const Reading& reading, std::span<const Tensor> of_zeros,
                                    const std::vector<Level>& levels,
                                    const std::vector<int>& boxes_per_cell,
                                    const image::Size& input, float rounding) {
  std::vector<int> cells;
  for (const Level& level : levels) cells.push_back(level.shape.height * level.shape.width);
  const int total = std::inner_product(cells.begin(), cells.end(), boxes_per_cell.begin(), 0);
  std::vector<Priors> priors;
  if (total != reading.rows) return priors;
  const Values boxes(reading.boxes, of_zeros);
  const auto try_units = [&](const Units& unit, const std::vector<int>& order) {
    std::vector<Box> placed(order.size());
    for (int row = 0; row < total; ++row) {
      placed[order[row]] = box_in_pixels(boxes, row, unit, input);
    }
    std::vector<Priors> found;
    std::size_t next = 0;
    for (std::size_t l = 0; l < cells.size(); ++l) {
      const std::size_t start = next;
      found.emplace_back();
      for (int b = 0; b < boxes_per_cell[l]; ++b) {
        const auto size = [](const Box& box) {
          return graph::Anchor{box.right - box.left, box.bottom - box.top};
        };
        const graph::Anchor first = size(placed[next]);
        if (!(first.width > 0 && first.height > 0)) return false;
        for (int cell = 0; cell < cells[l]; ++cell, ++next) {
          const graph::Anchor own = size(placed[next]);
          const float part = 1e-3F + 2 * rounding, more = .01F + 30 * rounding;
          if (!near(own.width, first.width, part * first.width + more) ||
              !near(own.height, first.height, part * first.height + more)) {
            return false;
          }
        }
        const auto rounded = [](float v) { return std::round(v * 1e3F) / 1e3F; };
        found.back().sizes.push_back({rounded(first.width), rounded(first.height)});
      }
      const auto own = std::span(placed).subspan(start);
      if (!place_cells(found.back(), own, levels[l].shape, input, rounding)) return false;
    }
    // Boxes in parts of the input are small numbers of pixels too: their centres tell.
    float furthest = 0;
    for (const Box& box : placed) furthest = std::max(furthest, (box.left + box.right) / 2);
    const auto side = static_cast<float>(input.width);
    if (!(furthest > side / 4 && furthest < 2 * side)) return false;
    priors = std::move(found);
    return true;
  };
  for (const Units& unit : units()) {
    const auto fits = [&](const std::vector<int>& order) { return try_units(unit, order); };
    if (any_order(boxes_per_cell, cells, fits)) break;
  }
  return priors;
}

std::vector<Variances> variances(const Reading& reading, std::span<const Tensor> of_zeros,
                                 std::span<const Tensor> of_ones, const image::Size& input) {
  std::vector<Variances> found;
  if (reading.boxes.tensor >= of_ones.size()) return found;
  const Values before(reading.boxes, of_zeros), after(reading.boxes, of_ones);
  for (const Units& unit : units()) {
    const int row = reading.rows / 2;
    const Box a = box_in_pixels(before, row, unit, input);
    const Box b = box_in_pixels(after, row, unit, input);
    const float width = a.right - a.left;
    const float moved = ((b.left + b.right) - (a.left + a.right)) / 2 / width;
    const float widened = std::log((b.right - b.left) / width);
    if (!(width > 0 && moved > 0 && moved < 2 && widened > 0 && widened < 2)) continue;
    const auto rounded = [](float v) { return std::round(v * 1e4F) / 1e4F; };
    const Variances one{rounded(moved), rounded(widened)};
    if (std::ranges::find(found, one) == found.end()) found.push_back(one);
  }
  return found;
}

}  // namespace oko::formats
