#include "oko/formats/recognize.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/detect/decode.h"
#include "oko/formats/candidate.h"
#include "oko/formats/decoded_rows.h"
#include "oko/formats/raw_families.h"

namespace oko::formats {
namespace {

using graph::Operation;
using graph::Tensor;
using Values = std::vector<float>;

[[noreturn]] void refuse(Family given, Family proved) {
  throw Error(ErrorCode::kUsage, "--decoding",
              "the file's own decoding is not that of " + std::string(title_of(given)) +
                  " but that of " + std::string(title_of(proved)),
              "omit it: the file shows how its boxes are decoded");
}

[[noreturn]] bool refuse_parts(Family given) {
  throw Error(ErrorCode::kUsage, "--decoding",
              "the outputs do not have the parts of " + std::string(title_of(given)),
              given == Family::kSsd
                  ? "the anchors of an SSD are read off its own decoding: export the model with it"
                  : "name the family that the file is of, or use --no-heads");
}

[[noreturn]] bool refuse(Family given) {
  if (!takes_anchors(given)) refuse_parts(given);
  throw Error(ErrorCode::kUsage, "--decoding",
              "the file does not show the anchors of " + std::string(title_of(given)),
              "give them with --anchors");
}

// Families of distances with bins from the centres of cells, which differ in their preprocessing.
bool decode_alike(Family a, Family b) {
  const auto has_bins = [](Family family) {
    return family == Family::kYoloV8 || family == Family::kNanoDet || family == Family::kPicoDet;
  };
  return a == b || (has_bins(a) && has_bins(b));
}

void take_for(Candidate& found, Family family) {
  found.family = family;
  const bool nanodet = family == Family::kNanoDet || family == Family::kNanoDetPlus;
  found.preprocess = nanodet                      ? nanodet_preprocessing()
                     : family == Family::kPicoDet ? imagenet_preprocessing()
                                                  : grey_letterbox();
}

class Recognizer {
 public:
  explicit Recognizer(Imported& imported) : imported_(imported), levels_(levels_of(imported)) {}

  bool run(std::optional<Family> given) {
    if (levels_.empty()) return given ? refuse(*given) : false;
    std::optional<Candidate> found = imported_.tail ? proved() : std::nullopt;
    const bool is_proved = found.has_value();
    if (is_proved && given && found->family != *given) {
      if (!decode_alike(found->family, *given)) refuse(*given, found->family);
      take_for(*found, *given);
    }
    if (!found && (given || only_moves_values(imported_, true))) {
      found = family_of_parts(imported_, levels_, given);
    }
    if (!found) return given ? refuse(*given) : false;
    attach(imported_, levels_, *found);
    imported_.notes.push_back("taken for " + title_of(*found) +
                              (is_proved                            ? kProved
                               : !given                             ? kByParts
                               : only_moves_values(imported_, true) ? kGiven
                                                                    : kGivenAgainst));
    return true;
  }

  std::optional<Family> proved_family() {
    if (levels_.empty() || !imported_.tail) return std::nullopt;
    const auto found = proved();
    return found ? std::optional(found->family) : std::nullopt;
  }

 private:
  static constexpr const char* kProved =
      ": the file's own decoding gives the same boxes on test values";
  static constexpr const char* kByParts =
      " by the parts of its outputs; the file does not decode them";
  static constexpr const char* kGiven = ", as --decoding says; the file does not decode boxes";
  static constexpr const char* kGivenAgainst =
      ", as --decoding says; the file goes on to compute with its outputs in a way that does not "
      "prove it: look at some boxes";

  const graph::Network& network() const { return imported_.network; }
  const Level& first() const { return levels_.front(); }
  int channels() const {
    int sum = 0;
    for (const Part& part : first().parts) sum += part.channels;
    return sum;
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
    graph::Network heads;
    heads.input = network().input;
    for (const Candidate::Head& head : candidate.heads) {
      graph::Shape shape = levels_[head.level].shape;
      const std::ptrdiff_t plane = std::ptrdiff_t{shape.height} * shape.width;
      Values& map = maps.emplace_back();
      for (const Chosen& chosen : head.parts) {
        const Values values = chosen_values(chosen, raw[head.level][chosen.part], shape);
        map.insert(map.end(), values.begin(), values.end());
      }
      shape.channels = static_cast<int>(std::ssize(map) / plane);
      heads.layers.push_back({"head", head.operation, {graph::kNetworkInput}, shape});
    }
    return rows_of_heads(heads, maps);
  }

  // Many readings of a file's tensors suggest the same heads.
  const DecodedRows& decoded_once(const Candidate& candidate, const Raw& raw) {
    for (const auto& [heads, rows] : decoded_) {
      if (heads == candidate.heads) return rows;
    }
    constexpr std::size_t kMost = 16;  // each may have a million scores
    if (decoded_.size() == kMost) decoded_.erase(decoded_.begin());
    return decoded_.emplace_back(candidate.heads, decoded(candidate, raw)).second;
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
    std::set<int> others;  // of masks or points, which a third part has
    if (first().parts.size() == 3) {
      for (const Part& part : first().parts) others.insert(part.channels);
    }
    for (const Reading& reading : readings(of_some, others)) {
      for (Candidate& candidate : candidates(reading, of_zeros)) {
        if (++tries > kMostTries) return best;
        const DecodedRows& rows = decoded_once(candidate, some);
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
    const int classes = reading.classes, total = channels() - reading.others;
    int cells = 0;
    for (const Level& level : levels_) cells += level.shape.height * level.shape.width;
    const bool uniform = is_uniform(levels_);
    if (reading.others > 0) {
      if (uniform && reading.rows == cells) add_distances(reading, found);
      return found;
    }
    if (reading.points > 0) {
      if (uniform) add_faces(reading, of_zeros, found);
      return found;
    }
    if (uniform && total % (5 + classes) == 0) {
      const int boxes = total / (5 + classes);
      for (const std::vector<int>& order : orders({4 * boxes, boxes, classes * boxes})) {
        if (order.size() > 1 && boxes > 1) continue;  // an anchor's values are not side by side
        const auto anchors = anchors_of(reading, of_zeros, boxes);
        if (anchors.empty()) continue;
        for (const graph::BoxCode code :
             {graph::BoxCode::kSquared, graph::BoxCode::kExponential, graph::BoxCode::kPoint}) {
          const bool point = code == graph::BoxCode::kPoint;
          found.push_back(
              {heads_in_order(order,
                              yolo_operations(levels_.size(), classes, boxes, code, anchors)),
               family_of(code), point ? yolox_preprocessing(network()) : grey_letterbox()});
        }
      }
    }
    if (uniform && reading.rows == cells) add_distances(reading, found);
    add_ssd(reading, of_zeros, found);
    return found;
  }

  static Family family_of(graph::BoxCode code) {
    if (code == graph::BoxCode::kSquared) return Family::kYoloV5;
    return code == graph::BoxCode::kPoint ? Family::kYoloX : Family::kYoloV3;
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
    for (const Priors& level :
         priors_of_zeros(reading, of_zeros, levels_, each, input_size(), imported_.tail_rounding)) {
      anchors.insert(anchors.end(), level.sizes.begin(), level.sizes.end());
    }
    return anchors;
  }
  void add_faces(const Reading& reading, const std::vector<Tensor>& of_zeros,
                 std::vector<Candidate>& found) const {
    const int values = 5 + reading.points + reading.classes;
    if (first().parts.size() != 1 || channels() % values != 0) return;
    const int boxes = channels() / values;
    const auto anchors = anchors_of(reading, of_zeros, boxes);
    if (anchors.empty()) return;
    found.push_back({heads_without_points(levels_, reading.points, reading.classes, boxes, anchors),
                     Family::kYoloV5Face, grey_letterbox()});
  }
  image::Size input_size() const { return {network().input.width, network().input.height}; }
  void add_distances(const Reading& reading, std::vector<Candidate>& found) const {
    const int classes = reading.classes, total = channels() - reading.others;
    if (total <= classes || (total - classes) % 4 != 0) return;
    std::vector<int> wanted{classes, total - classes};
    if (reading.others > 0) wanted.push_back(reading.others);
    for (std::vector<int> order : orders(wanted)) {
      if (reading.others > 0) order.pop_back();
      for (const float prior : {.5F, 0.F}) {
        Candidate& one = found.emplace_back();
        one.heads = heads_in_order(
            order, distance_operations(levels_, network().input, classes, total, prior));
        take_for(one, family_of_bins((total - classes) / 4, prior));
      }
    }
  }

  // PicoDet's networks have a level more than NanoDet's, and both half of YOLOv8's bins.
  Family family_of_bins(int bins, float prior) const {
    if (prior == 0) return Family::kNanoDetPlus;
    if (bins == 1) return Family::kYoloV6;
    if (bins != 8) return Family::kYoloV8;
    return levels_.size() == 4 ? Family::kPicoDet : Family::kNanoDet;
  }

  // How an SSD's file has its values: with logits of the background or without, a softmax or
  // sigmoids, and x before y or, as TensorFlow, after it.
  struct SsdForm {
    bool background, sigmoid, y_first;
  };
  static std::vector<SsdForm> ssd_forms() {
    std::vector<SsdForm> forms;
    for (const bool y_first : {false, true}) {
      forms.push_back({true, false, y_first});
      forms.push_back({true, true, y_first});
      forms.push_back({false, true, y_first});
    }
    return forms;
  }

  void add_ssd(const Reading& reading, const std::vector<Tensor>& of_zeros,
               std::vector<Candidate>& found) {
    if (first().parts.size() != 2) return;
    for (const bool background : {true, false}) {
      const int logits = reading.classes + (background ? 1 : 0);
      std::vector<int> boxes;  // of each level, which differ
      for (const Level& level : levels_) {
        int sum = 0;
        for (const Part& part : level.parts) sum += part.channels;
        if (sum % (logits + 4) != 0) break;
        boxes.push_back(sum / (logits + 4));
      }
      if (boxes.size() != levels_.size()) continue;
      for (const std::vector<int>& order : orders({boxes[0] * logits, boxes[0] * 4})) {
        const auto priors = priors_of_zeros(reading, of_zeros, levels_, boxes, input_size(),
                                            imported_.tail_rounding);
        if (priors.empty()) continue;
        if (of_ones_.empty()) of_ones_ = tail_of(make_raw([](const Part&) { return 1.F; }));
        for (const Variances& by : variances(reading, of_zeros, of_ones_, input_size())) {
          for (const SsdForm& form : ssd_forms()) {
            if (form.background != background) continue;
            found.push_back(ssd(order, form, priors, reading.classes, by));
            // Zeros do not show whether a file has x before y.
            const auto turned = with_sides_exchanged(priors);
            if (turned != priors) found.push_back(ssd(order, form, turned, reading.classes, by));
          }
        }
      }
    }
  }

  static std::vector<Priors> with_sides_exchanged(std::vector<Priors> priors) {
    for (Priors& level : priors) {
      for (graph::Anchor& anchor : level.sizes) std::swap(anchor.width, anchor.height);
    }
    return priors;
  }

  // `order`: the parts of logits and boxes.
  Candidate ssd(const std::vector<int>& order, const SsdForm& form,
                const std::vector<Priors>& priors, int classes, const Variances& by) const {
    const bool caffe = std::ranges::any_of(
        imported_.dropped, [](const DroppedNode& one) { return one.kind == "DetectionOutput"; });
    Candidate candidate{
        {}, Family::kSsd, caffe ? caffe_preprocessing(network()) : ssd_preprocessing()};
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      std::vector<Chosen> parts{{order[0], {}}, {order[1], {}}};
      for (int b = 0; b < static_cast<int>(priors[l].sizes.size()); ++b) {
        for (int id = 0; form.background && form.sigmoid && id < classes; ++id) {
          parts[0].channels.push_back(b * (classes + 1) + 1 + id);
        }
        for (const int value : {1, 0, 3, 2}) {
          if (form.y_first) parts[1].channels.push_back(b * 4 + value);
        }
      }
      candidate.heads.push_back(
          {l, parts,
           graph::Ssd{priors[l].sizes, classes, by.centre, by.size, form.sigmoid, false,
                      priors[l].stride, priors[l].prior}});
    }
    return candidate;
  }

  Imported& imported_;
  std::vector<Level> levels_;
  std::vector<Tensor> of_ones_;
  std::vector<std::pair<std::vector<Candidate::Head>, DecodedRows>> decoded_;
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

void check_proved(const Imported& imported, Family given) {
  Imported copy = imported;
  const auto proved = Recognizer(copy).proved_family();
  if (proved && !decode_alike(*proved, given)) refuse(given, *proved);
}

bool recognize_heads(Imported& imported, std::optional<Family> given) {
  return Recognizer(imported).run(given);
}

bool recognize_with_anchors(Imported& imported, const HeadOptions& heads) {
  const bool is_given = heads.decoding == Family::kYoloFastestV2 ||
                        heads.decoding == Family::kRetinaFace ||
                        heads.decoding == Family::kYoloV5Face;
  if (heads.decoding && !is_given) return false;
  const std::vector<Level> levels = levels_of(imported);
  const auto found = family_with_anchors(imported, levels, heads);
  if (!found) return is_given ? refuse_parts(*heads.decoding) : false;
  attach(imported, levels, *found);
  imported.notes.push_back("taken for " + title_of(*found) + " by the parts of its outputs");
  return true;
}

std::optional<Error> lacks_only_anchors(const Imported& imported) {
  const std::vector<Level> levels = levels_of(imported);
  const std::string& name = imported.network.name;
  if (family_with_anchors(imported, levels, {})) {
    return input_error(
        name,
        "is a Yolo-FastestV2 by the parts of its outputs, but the file does not contain "
        "its anchors",
        "give --anchors: of the published one for COCO 12.64,19.39,37.88,51.48,55.71,"
        "138.31,126.91,78.23,131.57,214.55,279.92,258.87");
  }
  const std::vector<graph::Anchor> squares(6, {1, 1});
  if (levels.size() == 3 &&
      family_with_anchors(imported, levels,
                          {.anchors = squares, .decoding = Family::kRetinaFace})) {
    return input_error(name,
                       "has the parts of a RetinaFace with four points, but the file does not "
                       "contain its anchors",
                       "give the six of its program, which are squares, with --anchors: of those "
                       "for licence plates 24,24,48,48,96,96,192,192,384,384,768,768");
  }
  const std::vector<graph::Anchor> three_each(3 * levels.size(), {1, 1});
  if (only_moves_values(imported) &&
      family_with_anchors(imported, levels,
                          {.anchors = three_each, .decoding = Family::kYoloV5Face})) {
    return input_error(name,
                       "has the channels of a YOLOv5-Face, and of a YOLOv5 with eleven classes",
                       "say --decoding yolov5-face, whose published anchors oko knows, or "
                       "--decoding yolov5 with --anchors");
  }
  return {};
}

}  // namespace oko::formats
