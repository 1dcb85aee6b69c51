#include "oko/formats/recognize.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "oko/base/random.h"
#include "oko/detect/decode.h"
#include "oko/formats/decoded_rows.h"
#include "oko/formats/output_parts.h"

namespace oko::formats {
namespace {

using graph::Operation;
using graph::Tensor;
using Values = std::vector<float>;

// Which part of a level has which role, and the head that reads them in this order.
struct Candidate {
  std::vector<int> order;        // indices of a level's parts
  std::vector<Operation> heads;  // of each level
  std::string family;
  image::Preprocess preprocess;  // of the family's own programs
};

image::Preprocess grey_letterbox() {
  image::Preprocess preprocess;
  preprocess.border = 114.F / 255;
  return preprocess;
}

// With bytes as they are.
image::Preprocess yolox_preprocessing() {
  image::Preprocess preprocess = grey_letterbox();
  preprocess.bgr = true;
  preprocess.scale = {255, 255, 255};
  return preprocess;
}

image::Preprocess fastest_preprocessing() {
  image::Preprocess preprocess;
  preprocess.fit = image::Preprocess::Fit::kStretch;
  preprocess.bgr = true;
  return preprocess;
}

// From -1 to 1, as UltraFace and the SSDs on MobileNet.
image::Preprocess ssd_preprocessing() {
  image::Preprocess preprocess;
  preprocess.fit = image::Preprocess::Fit::kStretch;
  preprocess.mean = {.5F, .5F, .5F};
  preprocess.scale = {2, 2, 2};
  return preprocess;
}

class Recognizer {
 public:
  explicit Recognizer(Imported& imported) : imported_(imported), levels_(levels_of(imported)) {}

  bool run() {
    if (levels_.empty()) return false;
    std::optional<Candidate> found = imported_.tail ? proved() : std::nullopt;
    const bool is_proved = found.has_value();
    if (!found && is_uniform() && only_moves_values(imported_, true)) found = by_parts();
    if (!found) return false;
    attach(*found);
    imported_.notes.push_back(
        "taken for " + found->family +
        (is_proved ? ": the file's own decoding gives the same boxes on test values"
                   : " by the parts of its outputs; the file does not decode them"));
    return true;
  }

 private:
  const graph::Network& network() const { return imported_.network; }
  const Level& first() const { return levels_.front(); }
  int channels() const {
    int sum = 0;
    for (const Part& part : first().parts) sum += part.channels;
    return sum;
  }
  int stride(const Level& level) const {
    int stride = 1;  // a side that it does not divide has a last, partial cell
    while (stride * level.shape.width < network().input.width) stride *= 2;
    return stride;
  }

  // ---- proof by the file's decoding -------------------------------------------------------------

  // Values of every part of every level.
  using Raw = std::vector<std::vector<Values>>;

  template <typename Make>
  Raw make_raw(const Make& make) const {
    Raw raw;
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      raw.emplace_back();
      for (std::size_t p = 0; p < levels_[l].parts.size(); ++p) {
        const graph::Shape& shape = levels_[l].shape;
        Values values(static_cast<std::size_t>(levels_[l].parts[p].channels) *
                      static_cast<std::size_t>(shape.height) *
                      static_cast<std::size_t>(shape.width));
        for (float& value : values) value = make(levels_[l].parts[p]);
        raw.back().push_back(std::move(values));
      }
    }
    return raw;
  }

  // What the file makes of them.
  std::vector<Tensor> tail_of(const Raw& raw) const {
    std::vector<Values> maps(imported_.outputs.size());
    for (std::size_t i = 0; i < maps.size(); ++i) {
      for (std::size_t l = 0; l < levels_.size(); ++l) {
        for (std::size_t p = 0; p < levels_[l].parts.size(); ++p) {
          const Part& part = levels_[l].parts[p];
          if (part.output != i) continue;
          const Values values = finished_values(part, raw[l][p], levels_[l].shape);
          maps[i].insert(maps[i].end(), values.begin(), values.end());
        }
      }
    }
    return imported_.tail(maps);
  }

  // What oko decodes from them.
  DecodedRows decoded(const Candidate& candidate, const Raw& raw) const {
    std::vector<Values> maps;
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      maps.emplace_back();
      for (const int p : candidate.order) {
        maps.back().insert(maps.back().end(), raw[l][p].begin(), raw[l][p].end());
      }
    }
    graph::Network heads;
    heads.input = network().input;
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      graph::Shape shape = levels_[l].shape;
      for (const Part& part : levels_[l].parts) shape.channels += part.channels;
      heads.layers.push_back({"head", candidate.heads[l], {graph::kNetworkInput}, shape});
    }
    return rows_of_heads(heads, maps);
  }

  std::optional<Candidate> proved() {
    Random random(1);
    const Raw zeros = make_raw([](const Part&) { return 0.F; });
    const Raw some =
        make_raw([&](const Part&) { return static_cast<float>(random.uniform(-2, 2)); });
    std::vector<Tensor> of_zeros = tail_of(zeros), of_some = tail_of(some);
    if (of_zeros.size() != of_some.size()) return {};
    constexpr int kMostTries = 200;  // real files need a few
    constexpr std::size_t kMostTensors = 100;
    if (of_zeros.size() > kMostTensors) {
      of_zeros.resize(kMostTensors);
      of_some.resize(kMostTensors);
    }
    const float rounding = imported_.tail_rounding;
    std::optional<Candidate> best;
    float least = 0;
    int tries = 0;
    for (const Reading& reading : readings(of_some)) {
      for (Candidate& candidate : candidates(reading, of_zeros)) {
        if (++tries > kMostTries) return best;
        const DecodedRows rows = decoded(candidate, some);
        const auto distance = distance_of(rows, reading, of_some, input_size(), rounding);
        if (!distance || (best && *distance >= least)) continue;
        least = *distance;
        best = std::move(candidate);
        if (rounding == 0) return best;
      }
    }
    return best;
  }

  // All heads that have these channels and the classes of the reading.
  std::vector<Candidate> candidates(const Reading& reading, const std::vector<Tensor>& of_zeros) {
    std::vector<Candidate> found;
    const int classes = reading.classes, total = channels();
    int cells = 0;
    for (const Level& level : levels_) cells += level.shape.height * level.shape.width;
    const bool uniform = is_uniform();
    if (uniform && total % (5 + classes) == 0) {
      const int boxes = total / (5 + classes);
      for (const std::vector<int>& order : orders({4 * boxes, boxes, classes * boxes})) {
        if (order.size() > 1 && boxes > 1) continue;  // an anchor's values are not side by side
        const auto anchors = anchors_of(reading, of_zeros, boxes);
        if (anchors.empty()) continue;
        for (const graph::BoxCode code :
             {graph::BoxCode::kSquared, graph::BoxCode::kExponential, graph::BoxCode::kPoint}) {
          const bool point = code == graph::BoxCode::kPoint;
          found.push_back({order, yolo_heads(classes, boxes, code, anchors), name_of_code(code),
                           point ? yolox_preprocessing() : grey_letterbox()});
        }
      }
    }
    if (uniform && reading.rows == cells && total > classes && (total - classes) % 4 == 0) {
      add_distances(classes, found);
    }
    add_ssd(reading, of_zeros, found);
    return found;
  }

  static std::string name_of_code(graph::BoxCode code) {
    if (code == graph::BoxCode::kSquared) return "a YOLOv5, YOLOv7 or relative";
    return code == graph::BoxCode::kPoint ? "a YOLOX" : "a YOLOv3, YOLOv4 or relative";
  }

  // The orders of a level's parts in which they have these channels; of a single part the only one.
  std::vector<std::vector<int>> orders(const std::vector<int>& wanted) const {
    if (first().parts.size() == 1) return {{0}};
    std::vector<int> order;
    for (int i = 0; i < std::ssize(first().parts); ++i) order.push_back(i);
    std::vector<std::vector<int>> found;
    if (order.size() != wanted.size()) return found;
    do {
      const bool fits =
          std::ranges::equal(order, wanted, {}, [&](int i) { return first().parts[i].channels; });
      if (fits) found.push_back(order);
    } while (std::ranges::next_permutation(order).found);
    return found;
  }

  // Those of all levels: what the file makes of zeros. Empty if it makes something else of them.
  std::vector<graph::Anchor> anchors_of(const Reading& reading, const std::vector<Tensor>& of_zeros,
                                        int boxes) const {
    std::vector<graph::Anchor> anchors;
    const std::vector<int> each(levels_.size(), boxes);
    for (const auto& level :
         sizes_of_zeros(reading, of_zeros, levels_, each, input_size(), imported_.tail_rounding)) {
      anchors.insert(anchors.end(), level.begin(), level.end());
    }
    return anchors;
  }
  image::Size input_size() const { return {network().input.width, network().input.height}; }
  // Every level has the same parts.
  bool is_uniform() const {
    return std::ranges::all_of(levels_, [&](const Level& level) {
      return std::ranges::equal(level.parts, first().parts, {}, &Part::channels, &Part::channels);
    });
  }

  std::vector<Operation> yolo_heads(int classes, int boxes, graph::BoxCode code,
                                    const std::vector<graph::Anchor>& anchors) const {
    std::vector<Operation> heads;
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      graph::Yolo yolo{.anchors = anchors, .mask = {}, .classes = classes};
      for (int b = 0; b < boxes; ++b) {
        yolo.mask.push_back(static_cast<int>(l) * boxes + b);
      }
      yolo.box_code = code;
      if (code == graph::BoxCode::kSquared) yolo.scale_x_y = 2;
      heads.emplace_back(std::move(yolo));
    }
    return heads;
  }

  std::vector<Operation> distance_heads(int classes, float prior) const {
    std::vector<Operation> heads;
    for (const Level& level : levels_) {
      heads.emplace_back(
          graph::Distances{classes, (channels() - classes) / 4, stride(level), prior});
    }
    return heads;
  }

  void add_distances(int classes, std::vector<Candidate>& found) const {
    for (const std::vector<int>& order : orders({classes, channels() - classes})) {
      for (const float prior : {.5F, 0.F}) {
        const bool bins = channels() - classes > 4;
        found.push_back({order, distance_heads(classes, prior),
                         prior == 0 ? "a NanoDet-Plus or relative"
                         : bins     ? "a YOLOv8, YOLO11 or relative"
                                    : "a YOLOv6 or relative",
                         prior == 0 ? nanodet_preprocessing() : grey_letterbox()});
      }
    }
  }

  void add_ssd(const Reading& reading, const std::vector<Tensor>& of_zeros,
               std::vector<Candidate>& found) {
    if (first().parts.size() != 2) return;
    const int classes = reading.classes;
    std::vector<int> boxes;  // of each level, which differ
    for (const Level& level : levels_) {
      int sum = 0;
      for (const Part& part : level.parts) sum += part.channels;
      if (sum % (classes + 5) != 0) return;
      boxes.push_back(sum / (classes + 5));
    }
    for (const std::vector<int>& order : orders({boxes[0] * (classes + 1), boxes[0] * 4})) {
      const auto sizes =
          sizes_of_zeros(reading, of_zeros, levels_, boxes, input_size(), imported_.tail_rounding);
      if (sizes.empty()) continue;
      if (of_ones_.empty()) of_ones_ = tail_of(make_raw([](const Part&) { return 1.F; }));
      const auto by = variances(reading, of_zeros, of_ones_, input_size());
      if (!by) continue;
      Candidate candidate{order, {}, "an SSD", ssd_preprocessing()};
      for (const auto& anchors : sizes) {
        candidate.heads.emplace_back(graph::Ssd{anchors, classes, by->centre, by->size});
      }
      found.push_back(std::move(candidate));
    }
  }

  // ---- raw outputs, by their parts --------------------------------------------------------------

  std::optional<Candidate> by_parts() const {
    const bool softmax = !only_moves_values(imported_);
    if (auto found = fastest_parts(softmax ? Passed::kNothing : Passed::kSoftmax)) return found;
    if (softmax) return {};
    if (auto found = yolox_parts()) return found;
    return distance_parts();
  }

  int part_with(int channels, Passed passed) const {
    for (int i = 0; i < std::ssize(first().parts); ++i) {
      if (first().parts[i].channels == channels && first().parts[i].passed == passed) return i;
    }
    return -1;
  }
  int other_part(int a, int b) const { return 3 - a - b; }

  // Boxes, objectness and classes, the last two after sigmoids or not.
  std::optional<Candidate> yolox_parts() const {
    if (first().parts.size() != 3) return {};
    const int box = part_with(4, Passed::kNothing);
    for (const Passed passed : {Passed::kSigmoid, Passed::kNothing}) {
      const int object = part_with(1, passed);
      if (box < 0 || object < 0) continue;
      const int classes = other_part(box, object);
      if (first().parts[classes].passed != passed) continue;
      std::vector<graph::Anchor> anchors;
      for (const Level& level : levels_) {
        const auto side = static_cast<float>(stride(level));
        anchors.push_back({side, side});
      }
      return Candidate{
          {box, object, classes},
          yolo_heads(first().parts[classes].channels, 1, graph::BoxCode::kPoint, anchors),
          "a YOLOX",
          yolox_preprocessing()};
    }
    return {};
  }

  // Boxes, objectness after a sigmoid, and classes after a softmax; both may be left to the file's
  // post-processing, which then has a softmax.
  std::optional<Candidate> fastest_parts(Passed by_classes) const {
    if (first().parts.size() != 3 || levels_.size() != 1) return {};
    const int box = part_with(4, Passed::kNothing);
    const int object = std::max(part_with(1, Passed::kSigmoid),
                                by_classes == Passed::kNothing ? part_with(1, by_classes) : -1);
    if (box < 0 || object < 0) return {};
    const int classes = other_part(box, object);
    if (first().parts[classes].passed != by_classes) return {};
    const auto width = static_cast<float>(network().input.width);
    const auto height = static_cast<float>(network().input.height);
    Candidate found{{box, object, classes}, {}, "a FastestDet", fastest_preprocessing()};
    graph::Yolo yolo{.anchors = {{width, height}}, .mask = {0}};
    yolo.classes = first().parts[classes].channels;
    yolo.box_code = graph::BoxCode::kBounded;
    yolo.softmax = true;
    yolo.class_share = .4F;
    found.heads.emplace_back(std::move(yolo));
    return found;
  }

  // Classes and sides: NanoDet has 8 bins a side, of which NanoDet-Plus has four levels and the
  // corners of cells as priors; YOLOv8 and YOLO11 have 16.
  std::optional<Candidate> distance_parts() const {
    if (first().parts.size() != 2) return {};
    for (const int bins : {16, 8}) {
      const int sides = part_with(4 * bins, Passed::kNothing);
      if (sides < 0) continue;
      const Part& classes = first().parts[1 - sides];
      if (classes.passed == Passed::kSoftmax) continue;
      if (bins == 16 && levels_.size() != 3) continue;
      const float prior = bins == 8 && levels_.size() == 4 ? 0 : .5F;
      return Candidate{{1 - sides, sides},
                       distance_heads(classes.channels, prior),
                       bins == 16   ? "a YOLOv8, YOLO11 or relative"
                       : prior == 0 ? "a NanoDet-Plus"
                                    : "a NanoDet",
                       bins == 16 ? grey_letterbox() : nanodet_preprocessing()};
    }
    return {};
  }

  // ---- the network with its heads ---------------------------------------------------------------

  void attach(const Candidate& candidate) {
    std::vector<int> outputs;
    for (Level& level : levels_) outputs.push_back(joined_parts(imported_, level, candidate.order));
    std::vector<std::string> keys;
    for (std::size_t l = 0; l < outputs.size(); ++l) {
      const auto same = std::ranges::find(imported_.outputs, outputs[l]);
      const bool is_output = same != imported_.outputs.end() && !imported_.keys.empty();
      if (is_output) keys.push_back(imported_.keys[same - imported_.outputs.begin()]);
    }
    imported_.outputs = outputs;
    imported_.keys = keys.size() == outputs.size() ? keys : std::vector<std::string>();
    imported_.names = imported_.keys;
    add_heads(imported_, candidate.heads);
    drop_unread(imported_);
    set_preprocessing(candidate);
  }

  // As the family's own programs do it, where the file does not say.
  void set_preprocessing(const Candidate& candidate) {
    if (imported_.defines_preprocessing) return;
    imported_.network.preprocess = candidate.preprocess;
    imported_.defines_preprocessing = true;
    imported_.notes.push_back("the file does not define preprocessing; assuming that of " +
                              candidate.family);
  }

  Imported& imported_;
  std::vector<Level> levels_;
  std::vector<Tensor> of_ones_;
};

}  // namespace

image::Preprocess nanodet_preprocessing() {
  image::Preprocess preprocess;
  preprocess.fit = image::Preprocess::Fit::kStretch;
  preprocess.bgr = true;
  preprocess.mean = {103.53F / 255, 116.28F / 255, 123.675F / 255};
  preprocess.scale = {.017429F * 255, .017507F * 255, .017125F * 255};
  return preprocess;
}

bool recognize_heads(Imported& imported) { return Recognizer(imported).run(); }

}  // namespace oko::formats
