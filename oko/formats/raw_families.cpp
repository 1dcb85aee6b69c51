#include "oko/formats/raw_families.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/formats/recognize.h"

namespace oko::formats {
namespace {

using image::Preprocess;

Preprocess fastest_preprocessing() {
  Preprocess preprocess;
  preprocess.fit = Preprocess::Fit::kStretch;
  preprocess.bgr = true;
  return preprocess;
}

// Bytes as they are, on black.
Preprocess yunet_preprocessing() {
  Preprocess preprocess;
  preprocess.border = 0;
  preprocess.bgr = true;
  preprocess.scale = {255, 255, 255};
  return preprocess;
}

// From -1 to 1, on black.
Preprocess scrfd_preprocessing() {
  Preprocess preprocess;
  preprocess.border = 0;
  preprocess.mean = {127.5F / 255, 127.5F / 255, 127.5F / 255};
  preprocess.scale = {255.F / 128, 255.F / 128, 255.F / 128};
  return preprocess;
}

Preprocess blazeface_preprocessing() {
  Preprocess preprocess;
  preprocess.border = 0;
  preprocess.mean = {.5F, .5F, .5F};
  preprocess.scale = {2, 2, 2};
  return preprocess;
}

Preprocess ultraface_preprocessing() {
  Preprocess preprocess;
  preprocess.fit = Preprocess::Fit::kStretch;
  preprocess.mean = {127.F / 255, 127.F / 255, 127.F / 255};
  preprocess.scale = {255.F / 128, 255.F / 128, 255.F / 128};
  return preprocess;
}

// Bytes without ImageNet's mean.
Preprocess retinaface_preprocessing() {
  Preprocess preprocess = grey_letterbox();
  preprocess.bgr = true;
  preprocess.mean = {104.F / 255, 117.F / 255, 123.F / 255};
  preprocess.scale = {255, 255, 255};
  return preprocess;
}

Preprocess facemask_preprocessing() {
  Preprocess preprocess;
  preprocess.fit = Preprocess::Fit::kStretch;
  return preprocess;
}

class Parts {
 public:
  Parts(const Imported& imported, const std::vector<Level>& levels)
      : imported_(imported), levels_(levels) {}

  std::optional<Candidate> family_with(const HeadOptions& heads) const {
    if (heads.decoding == Family::kRetinaFace) return retinaface(heads.anchors);
    if (heads.decoding == Family::kYoloV5Face) return yolov5_face(heads.anchors);
    if (auto found = fastest_v2(heads)) return found;
    if (heads.anchors.empty() || heads.decoding) return {};
    return retinaface(heads.anchors);
  }

  std::optional<Candidate> family() const {
    const bool softmax = !only_moves_values(imported_);
    if (auto found = ultraface()) return found;
    if (auto found = retinaface()) return found;
    if (!softmax) {
      if (auto found = blazeface()) return found;
    }
    if (!is_uniform(levels_)) return {};
    if (auto found = facemask()) return found;
    if (auto found = published_fastest_v2()) return found;
    if (auto found = fastest(softmax ? Passed::kNothing : Passed::kSoftmax)) return found;
    if (softmax) return {};
    for (const auto& one : {yolox(), yunet(), scrfd(), distances(), direct_distances()}) {
      if (one) return one;
    }
    return {};
  }

  // Of a family that the user names, whose outputs may be mistakable.
  std::optional<Candidate> of(Family given) const {
    if (given == Family::kUltraFace) return ultraface();
    if (given == Family::kBlazeFace) return blazeface();
    if (given == Family::kRetinaFace) return retinaface();
    if (!is_uniform(levels_)) return {};
    switch (given) {
      case Family::kYoloX:
        return yolox_of_any_parts();
      case Family::kYoloV6:
        return distances_of(given, 1, .5F, grey_letterbox());
      case Family::kYoloV8:
        return distances_of(given, 16, .5F, grey_letterbox());
      case Family::kNanoDet:
        return distances_of(given, 8, .5F, nanodet_preprocessing());
      case Family::kNanoDetPlus:
        return distances_of(given, 8, 0, nanodet_preprocessing());
      case Family::kPicoDet:
        return distances_of(given, 8, .5F, imagenet_preprocessing());
      case Family::kFastestDet: {
        auto found = fastest(Passed::kSoftmax);
        return found ? found : fastest(Passed::kNothing);
      }
      case Family::kYoloFastestV2:
        return published_fastest_v2(given);
      case Family::kYuNet:
        return yunet();
      case Family::kScrfd:
        return scrfd();
      case Family::kFaceMask:
        return facemask(given);
      case Family::kYoloV5Face:
        return yolov5_face();
      default:  // their anchors are not among the parts
        return {};
    }
  }

 private:
  struct SharedClasses {
    int box = 0, object = 0, classes = 0;  // parts of a level
    int boxes = 0;                         // of a cell
  };

  const graph::Shape& input() const { return imported_.network.input; }
  const Level& first() const { return levels_.front(); }
  // The part of a level with these channels that has passed this function; -1 without one.
  static int part_with(const Level& level, int channels, Passed passed) {
    for (int i = 0; i < static_cast<int>(level.parts.size()); ++i) {
      if (level.parts[i].channels == channels && level.parts[i].passed == passed) return i;
    }
    return -1;
  }
  int part_with(int channels, Passed passed) const { return part_with(first(), channels, passed); }
  static int other_part(int a, int b) { return 3 - a - b; }
  // How many levels are finer: files have them in either order.
  std::size_t rank_of(std::size_t level) const {
    const auto cells = [](const Level& one) {
      return std::int64_t{one.shape.height} * one.shape.width;
    };
    const std::int64_t own = cells(levels_[level]);
    return static_cast<std::size_t>(
        std::ranges::count_if(levels_, [&](const Level& other) { return cells(other) > own; }));
  }
  // Whether the file goes on with such an operation.
  bool follows(std::string_view kind) const {
    return std::ranges::any_of(imported_.dropped,
                               [&](const DroppedNode& one) { return one.kind == kind; });
  }
  bool has_strides(const std::vector<int>& strides) const {
    std::vector<int> own;
    for (const Level& level : levels_) own.push_back(stride_of(level, input()));
    std::ranges::sort(own);
    return own == strides;
  }
  // 8, 16, 32 and so on.
  bool has_doubling_strides() const {
    std::vector<int> wanted;
    for (int stride = 8; wanted.size() < levels_.size(); stride *= 2) wanted.push_back(stride);
    return has_strides(wanted);
  }
  // One for each level, of a cell.
  std::vector<graph::Anchor> cells() const {
    std::vector<graph::Anchor> anchors;
    for (const Level& level : levels_) {
      const auto side = static_cast<float>(stride_of(level, input()));
      anchors.push_back({side, side});
    }
    return anchors;
  }

  // Boxes, and after sigmoids objectness and classes. Without the sigmoids it could be any head
  // with an objectness and an anchor a cell, if its parts did not come from two branches.
  std::optional<Candidate> yolox() const {
    if (first().parts.size() != 3 || !has_doubling_strides()) return {};
    const bool sigmoids = part_with(1, Passed::kSigmoid) >= 0;
    const Passed passed = sigmoids ? Passed::kSigmoid : Passed::kNothing;
    const int box = part_with(4, Passed::kNothing), object = part_with(1, passed);
    if (box < 0 || object < 0) return {};
    const int classes = other_part(box, object);
    if (first().parts[classes].passed != passed) return {};
    if (!sigmoids && (levels_.size() != 3 || !is_decoupled(box, object, classes))) return {};
    return Candidate{heads_in_order({box, object, classes},
                                    yolo_operations(levels_.size(), first().parts[classes].channels,
                                                    1, graph::BoxCode::kPoint, cells())),
                     Family::kYoloX, yolox_preprocessing(imported_.network)};
  }

  // In every level the first two parts come from one tensor, and the third one from another, of
  // convolutions with swish.
  bool is_decoupled(int box, int object, int classes) const {
    const auto& layers = imported_.network.layers;
    const auto source = [&](const Level& level, int part) {
      const std::vector<int>& inputs = layers[level.parts[part].layer].inputs;
      return inputs.size() == 1 ? inputs[0] : graph::kNetworkInput;
    };
    const auto has_swish = [&](int layer) {
      const auto* c =
          layer < 0 ? nullptr : std::get_if<graph::Convolution>(&layers[layer].operation);
      return c != nullptr && c->activation == graph::Activation::kSwish;
    };
    return std::ranges::all_of(levels_, [&](const Level& level) {
      const int boxes = source(level, box), scores = source(level, classes);
      return boxes == source(level, object) && boxes != scores && has_swish(boxes) &&
             has_swish(scores);
    });
  }

  // Whether the file has passed these through sigmoids or not, and in one part too.
  std::optional<Candidate> yolox_of_any_parts() const {
    std::vector<int> order{0};
    int classes = first().parts[0].channels - 5;
    if (first().parts.size() == 3) {
      const int box = part_with(4, Passed::kNothing);
      const int object = std::max(part_with(1, Passed::kSigmoid), part_with(1, Passed::kNothing));
      if (box < 0 || object < 0) return {};
      order = {box, object, other_part(box, object)};
      classes = first().parts[order[2]].channels;
    } else if (first().parts.size() != 1 || first().parts[0].passed != Passed::kNothing) {
      return {};
    }
    if (classes < 1) return {};
    return Candidate{heads_in_order(order, yolo_operations(levels_.size(), classes, 1,
                                                           graph::BoxCode::kPoint, cells())),
                     Family::kYoloX, yolox_preprocessing(imported_.network)};
  }

  // Classes and sides of so many bins, apart or in one part in this order.
  std::optional<Candidate> distances_of(Family given, int bins, float prior,
                                        const Preprocess& preprocess) const {
    const std::vector<Part>& parts = first().parts;
    if (parts.size() != 1 && parts.size() != 2) return {};
    std::vector<int> order{0};
    int classes = parts[0].channels - 4 * bins;
    if (parts.size() == 2) {
      const int sides = part_with(4 * bins, Passed::kNothing);
      if (sides < 0 || parts[1 - sides].passed == Passed::kSoftmax) return {};
      order = {1 - sides, sides};
      classes = parts[1 - sides].channels;
    } else if (parts[0].passed != Passed::kNothing) {
      return {};
    }
    if (classes < 1) return {};
    return Candidate{heads_in_order(order, distance_operations(levels_, input(), classes,
                                                               classes + 4 * bins, prior)),
                     given, preprocess};
  }

  // As it was published for COCO, whose files do not contain their anchors.
  std::optional<Candidate> published_fastest_v2(std::optional<Family> given = {}) const {
    constexpr int kSide = 352, kClasses = 80, kBoxes = 3;
    const std::vector<graph::Anchor> anchors{{12.64F, 19.39F},   {37.88F, 51.48F},
                                             {55.71F, 138.31F},  {126.91F, 78.23F},
                                             {131.57F, 214.55F}, {279.92F, 258.87F}};
    const auto parts = first().parts.size() == 3 ? shared_classes(given) : std::nullopt;
    if (!parts || parts->boxes != kBoxes || first().parts[parts->classes].channels != kClasses ||
        !has_strides({16, 32}) || input().width != kSide || input().height != kSide) {
      return {};
    }
    std::optional<Candidate> found = fastest_v2({.anchors = anchors, .decoding = given});
    if (found) found->detail = " with the published anchors for COCO";
    return found;
  }

  // Faces with a mask and without one, in five levels of an input of 260 pixels, with priors that
  // the programs know: two squares, and the first of them twice as a taller rectangle.
  std::optional<Candidate> facemask(std::optional<Family> given = {}) const {
    constexpr int kSide = 260, kBoxes = 4, kClasses = 2;
    const std::vector<std::pair<float, float>> sides{
        {.04F, .056F}, {.08F, .11F}, {.16F, .22F}, {.32F, .45F}, {.64F, .72F}};
    if (input().width != kSide || input().height != kSide || first().parts.size() != 2 ||
        !has_doubling_strides() || levels_.size() != sides.size()) {
      return {};
    }
    const bool by_tail = follows("Sigmoid") || follows("LOGISTIC");
    const int values = part_with(4 * kBoxes, Passed::kNothing);
    const int raw = by_tail || given ? part_with(kClasses * kBoxes, Passed::kNothing) : -1;
    const int scores =
        by_tail ? raw : std::max(raw, part_with(kClasses * kBoxes, Passed::kSigmoid));
    if (values < 0 || scores < 0) return {};
    Candidate found{{}, Family::kFaceMask, facemask_preprocessing()};
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      const int stride = stride_of(levels_[l], input());
      const auto [small, large] =
          sides[static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(stride))) - 3];
      graph::Ssd head{{}, kClasses, .1F, .2F, true};
      for (const float part : {small, large}) head.anchors.push_back({part * kSide, part * kSide});
      for (const float ratio : {.62F, .42F}) {
        const float root = std::sqrt(ratio);
        head.anchors.push_back({small * kSide * root, small * kSide / root});
      }
      found.heads.push_back({l, {{scores, {}}, {values, {}}}, std::move(head)});
    }
    return found;
  }

  // Boxes, objectness after a sigmoid, and classes after a softmax; both may be left to the file's
  // post-processing, which then has a softmax.
  std::optional<Candidate> fastest(Passed by_classes) const {
    if (first().parts.size() != 3 || levels_.size() != 1) return {};
    const int box = part_with(4, Passed::kNothing);
    const int object = std::max(part_with(1, Passed::kSigmoid),
                                by_classes == Passed::kNothing ? part_with(1, by_classes) : -1);
    if (box < 0 || object < 0) return {};
    const int classes = other_part(box, object);
    if (first().parts[classes].passed != by_classes) return {};
    const auto width = static_cast<float>(input().width);
    const auto height = static_cast<float>(input().height);
    graph::Yolo yolo{.anchors = {{width, height}}, .mask = {0}};
    yolo.classes = first().parts[classes].channels;
    yolo.box_code = graph::BoxCode::kBounded;
    yolo.softmax = true;
    yolo.class_share = .4F;
    return Candidate{heads_in_order({box, object, classes}, {yolo}), Family::kFastestDet,
                     fastest_preprocessing()};
  }

  // Parts of 4 and 1 channels for each box, after sigmoids, and of classes, after a softmax, or the
  // file goes on to compute these, or its programs do if the user says that it is of this family.
  std::optional<SharedClasses> shared_classes(std::optional<Family> given) const {
    const auto may_follow = [&](std::string_view kind) { return given || follows(kind); };
    const std::vector<Part>& parts = first().parts;
    for (const SharedClasses& order :
         {SharedClasses{0, 1, 2}, SharedClasses{0, 2, 1}, SharedClasses{1, 0, 2},
          SharedClasses{2, 0, 1}, SharedClasses{1, 2, 0}, SharedClasses{2, 1, 0}}) {
      const Part &box = parts[order.box], &object = parts[order.object];
      const Part& classes = parts[order.classes];
      const bool sigmoids = box.passed == object.passed &&
                            (box.passed == Passed::kSigmoid ||
                             (box.passed == Passed::kNothing && may_follow("Sigmoid")));
      const bool softmax = classes.passed == Passed::kSoftmax ||
                           (classes.passed == Passed::kNothing && may_follow("Softmax"));
      if (sigmoids && softmax && object.channels > 1 && box.channels == 4 * object.channels) {
        return SharedClasses{order.box, order.object, order.classes, object.channels};
      }
    }
    return {};
  }

  // The anchors of each level, of which a cell has this many.
  std::vector<std::vector<int>> masks_of(const HeadOptions& given, int boxes) const {
    std::vector<std::vector<int>> masks = given.masks;
    if (masks.empty()) {
      std::vector<int> widths;
      for (const Level& level : levels_) widths.push_back(level.shape.width);
      masks = usual_masks(widths, given.anchors.size());
    }
    if (given.anchors.empty()) return masks;
    const auto fits = [&](const std::vector<int>& mask) { return std::ssize(mask) == boxes; };
    if (masks.size() == levels_.size() && std::ranges::all_of(masks, fits)) return masks;
    throw input_error("--anchors",
                      "the model has " + std::to_string(boxes) + " anchors on each of " +
                          std::to_string(levels_.size()) + " levels",
                      "give the anchors the model was trained with");
  }

  // For each of a cell's boxes its place and objectness, and one score for each class, which the
  // boxes share.
  std::optional<Candidate> fastest_v2(const HeadOptions& given) const {
    if (levels_.size() < 2 || first().parts.size() != 3 || !is_uniform(levels_)) return {};
    const std::optional<SharedClasses> parts = shared_classes(given.decoding);
    if (!parts) return {};
    const std::vector<std::vector<int>> masks = masks_of(given, parts->boxes);
    Candidate found{{}, Family::kYoloFastestV2, fastest_preprocessing()};
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      Candidate::Head head{l, {}, {}};
      for (int b = 0; b < parts->boxes; ++b) {
        head.parts.push_back({parts->box, {4 * b, 4 * b + 1, 4 * b + 2, 4 * b + 3}});
        head.parts.push_back({parts->object, {b}});
        head.parts.push_back({parts->classes, {}});
      }
      graph::Yolo yolo{given.anchors, masks[l], first().parts[parts->classes].channels, 2};
      yolo.box_code = graph::BoxCode::kSquared;
      yolo.softmax = true;
      head.operation = std::move(yolo);
      found.heads.push_back(std::move(head));
    }
    return found;
  }

  // A class, objectness, boxes, and points, which oko does not read. The score is the root of the
  // product of the first two.
  std::optional<Candidate> yunet() const {
    if (first().parts.size() != 4 || !has_strides({8, 16, 32})) return {};
    const int box = part_with(4, Passed::kNothing), points = part_with(10, Passed::kNothing);
    if (box < 0 || points < 0) return {};
    std::vector<int> order{box};
    for (int i = 0; i < 4; ++i) {
      if (i != box && i != points && first().parts[i].channels == 1) order.push_back(i);
    }
    if (order.size() != 3) return {};
    auto operations = yolo_operations(levels_.size(), 1, 1, graph::BoxCode::kPoint, cells());
    for (graph::Operation& operation : operations) {
      std::get<graph::Yolo>(operation).class_share = .5F;
    }
    return Candidate{heads_in_order(order, std::move(operations)), Family::kYuNet,
                     yunet_preprocessing()};
  }

  // Two boxes a cell, with the same prior: scores, sides, and maybe points, which oko does not
  // read.
  std::optional<Candidate> scrfd() const {
    const std::size_t count = first().parts.size();
    if ((count != 2 && count != 3) || !has_strides({8, 16, 32})) return {};
    const int scores = std::max(part_with(2, Passed::kSigmoid), part_with(2, Passed::kNothing));
    const int sides = part_with(8, Passed::kNothing);
    if (scores < 0 || sides < 0 || (count == 3 && part_with(20, Passed::kNothing) < 0)) return {};
    Candidate found{{}, Family::kScrfd, scrfd_preprocessing()};
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      for (int b = 0; b < 2; ++b) {
        found.heads.push_back({l,
                               {{scores, {b}}, {sides, {4 * b, 4 * b + 1, 4 * b + 2, 4 * b + 3}}},
                               graph::Distances{1, 1, stride_of(levels_[l], input()), 0}});
      }
    }
    return found;
  }

  // Classes and sides: NanoDet has 8 bins a side, or 11 in its larger networks. NanoDet-Plus has
  // four levels and the corners of cells as priors; PicoDet has four levels and their centres, and
  // keeps classes and sides apart. YOLOv8 and YOLO11 have 16.
  std::optional<Candidate> distances() const {
    const bool whole = first().parts.size() == 1;  // the file takes it apart itself
    if (!whole && first().parts.size() != 2) return {};
    for (const int bins : {16, 8, 11}) {
      if (bins == 11 && !whole) continue;
      const int sides = part_with(4 * bins, Passed::kNothing);
      const int classes = whole ? first().parts[0].channels - 4 * bins
                                : first().parts[1 - std::max(sides, 0)].channels;
      if (whole ? !passes_sigmoids(classes) : sides < 0) continue;
      if (!whole && first().parts[1 - sides].passed == Passed::kSoftmax) continue;
      if (bins == 16 && levels_.size() != 3) continue;
      const bool four = levels_.size() == 4;
      const float prior = bins == 8 && four && joins_parts() ? 0 : .5F;
      return Candidate{
          heads_in_order(whole ? std::vector<int>{0} : std::vector<int>{1 - sides, sides},
                         distance_operations(levels_, input(), classes, classes + 4 * bins, prior)),
          bins == 16   ? Family::kYoloV8
          : prior == 0 ? Family::kNanoDetPlus
          : four       ? Family::kPicoDet
                       : Family::kNanoDet,
          bins == 16           ? grey_letterbox()
          : four && prior != 0 ? imagenet_preprocessing()  // as PaddleDetection's networks
                               : nanodet_preprocessing()};
    }
    return {};
  }

  // Classes after sigmoids and the four distances themselves, in three or four levels.
  std::optional<Candidate> direct_distances() const {
    if (first().parts.size() != 2 || levels_.size() < 3 || levels_.size() > 4 ||
        !has_doubling_strides()) {
      return {};
    }
    const int sides = part_with(4, Passed::kNothing);
    if (sides < 0 || first().parts[1 - sides].passed != Passed::kSigmoid) return {};
    const auto is_linear = [&](const Level& level) {
      const graph::Layer& layer = imported_.network.layers[level.parts[sides].layer];
      const auto* c = std::get_if<graph::Convolution>(&layer.operation);
      return c != nullptr && c->activation == graph::Activation::kLinear;
    };
    if (!std::ranges::all_of(levels_, is_linear)) return {};
    return distances_of(Family::kYoloV6, 1, .5F, grey_letterbox());
  }

  // Whether the file computes the sigmoids of just these first channels of the first level's part.
  bool passes_sigmoids(int count) const {
    if (count < 1 || !imported_.tail) return false;
    Random random(1);
    std::vector<std::vector<float>> maps;
    for (const int output : imported_.outputs) {
      const graph::Shape& shape = imported_.network.layers[output].output;
      maps.emplace_back(static_cast<std::size_t>(shape.count()));
      for (float& value : maps.back()) value = static_cast<float>(random.uniform(-2, 2));
    }
    const std::vector<float>& raw = maps[first().parts[0].output];
    const std::ptrdiff_t cells = std::ptrdiff_t{first().shape.height} * first().shape.width;
    const auto is_sigmoid = [&](const graph::Tensor& tensor) {
      if (tensor.dtype != graph::DType::kF32 || tensor.count() != cells * count) return false;
      const bool rows = tensor.shape.back() == count;  // of classes
      if (!rows && (tensor.shape.size() < 2 || tensor.shape[1] != count)) return false;
      for (std::ptrdiff_t i = 0; i < cells * count; ++i) {
        const float value = rows ? raw[i % count * cells + i / count] : raw[i];
        if (!(std::fabs(tensor.floats()[i] - 1 / (1 + std::exp(-value))) < 1e-4F)) return false;
      }
      return true;
    };
    return std::ranges::any_of(imported_.tail(maps), is_sigmoid);
  }
  bool joins_parts() const { return follows("Concat"); }

  // Four levels of faces, with priors that the programs know: sides in pixels by level.
  std::optional<Candidate> ultraface() const {
    const std::vector<std::vector<float>> sides{{10, 16, 24}, {32, 48}, {64, 96}, {128, 192, 256}};
    if (levels_.size() != sides.size()) return {};
    Candidate found{{}, Family::kUltraFace, ultraface_preprocessing()};
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      const std::size_t rank = rank_of(l);
      const auto boxes = static_cast<int>(sides[rank].size());
      if (levels_[l].parts.size() != 2 || stride_of(levels_[l], input()) != 8 << rank) return {};
      const int values = part_with(levels_[l], 4 * boxes, Passed::kNothing);
      if (values < 0 || levels_[l].parts[1 - values].channels != 2 * boxes) return {};
      graph::Ssd head{{}, 1, .1F, .2F};
      for (const float side : sides[rank]) head.anchors.push_back({side, side});
      found.heads.push_back({l, {{1 - values, {}}, {values, {}}}, head});
    }
    return found;
  }

  // Three boxes a cell of a YOLOv5, each with a class and five points, which oko does not read. Its
  // outputs have the channels of one with eleven classes.
  std::optional<Candidate> yolov5_face(const std::vector<graph::Anchor>& given = {}) const {
    constexpr int kPoints = 10, kClasses = 1, kBoxes = 3;
    const std::vector<graph::Anchor> published{{4, 5},     {8, 10},    {13, 16},
                                               {23, 29},   {43, 55},   {73, 105},
                                               {146, 217}, {231, 300}, {335, 433}};
    const std::vector<graph::Anchor>& anchors = given.empty() ? published : given;
    if (!is_uniform(levels_) || first().parts.size() != 1 ||
        part_with(kBoxes * (5 + kPoints + kClasses), Passed::kNothing) < 0 ||
        anchors.size() != kBoxes * levels_.size()) {
      return {};
    }
    Candidate found{heads_without_points(levels_, kPoints, kClasses, kBoxes, anchors),
                    Family::kYoloV5Face, grey_letterbox()};
    if (given.empty()) found.detail = " with the published anchors";
    return found;
  }

  // Faces in three levels of two boxes, or in UltraFace's four, with five points, which oko does
  // not read. With `given` anchors, from the finest level on, also things with four points.
  std::optional<Candidate> retinaface(const std::vector<graph::Anchor>& given = {}) const {
    using Sides = std::vector<std::vector<float>>;
    const Sides three{{16, 32}, {64, 128}, {256, 512}};
    const Sides four{{10, 16, 24}, {32, 48}, {64, 96}, {128, 192, 256}};
    const Sides& sides = levels_.size() == four.size() ? four : three;
    if (levels_.size() != sides.size() || follows("Sigmoid")) return {};
    Candidate found{{}, Family::kRetinaFace, retinaface_preprocessing()};
    if (given.empty()) found.detail = " with the published anchors for faces";
    std::size_t count = 0;
    for (const auto& level : sides) count += level.size();
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      const std::size_t rank = rank_of(l);
      const auto boxes = static_cast<int>(sides[rank].size());
      const int logits = part_with(levels_[l], 2 * boxes, Passed::kNothing);
      const int values = part_with(levels_[l], 4 * boxes, Passed::kNothing);
      const int points =
          std::max(part_with(levels_[l], 10 * boxes, Passed::kNothing),
                   given.empty() ? -1 : part_with(levels_[l], 8 * boxes, Passed::kNothing));
      const int stride = stride_of(levels_[l], input());
      if (levels_[l].parts.size() != 3 || stride != 8 << rank || logits < 0 || values < 0 ||
          points < 0) {
        return {};
      }
      graph::Ssd head{{}, 1, .1F, .2F};
      head.stride = stride;
      for (const float side : sides[rank]) head.anchors.push_back({side, side});
      if (given.size() == count) {
        std::size_t first = 0;
        for (std::size_t finer = 0; finer < rank; ++finer) first += sides[finer].size();
        std::copy_n(given.begin() + static_cast<std::ptrdiff_t>(first), boxes,
                    head.anchors.begin());
      }
      found.heads.push_back({l, {{logits, {}}, {values, {}}}, std::move(head)});
    }
    if (given.empty() || given.size() == count) return found;
    throw input_error("--anchors",
                      "the model has " + std::to_string(count) + " anchors on " +
                          std::to_string(levels_.size()) + " levels",
                      "give the anchors the model was trained with, those of small boxes first");
  }

  // One logit for each of a cell's boxes; for each box its centre's place, its sides and six or
  // seven points or four, which oko does not read, all in pixels.
  std::optional<Candidate> blazeface() const {
    const auto width = static_cast<float>(input().width);
    // Levels of two boxes and a last one of six, or one level of one box.
    if (input().width != input().height || is_uniform(levels_) != (levels_.size() == 1)) return {};
    Candidate found{{}, Family::kBlazeFace, blazeface_preprocessing()};
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      const std::vector<Part>& parts = levels_[l].parts;
      if (parts.size() != 2 || parts[0].passed != Passed::kNothing) return {};
      const int logits = parts[0].channels < parts[1].channels ? 0 : 1;
      const int boxes = parts[logits].channels;
      const bool last = rank_of(l) + 1 == levels_.size();
      if (boxes != (levels_.size() == 1 ? 1 : last ? 6 : 2)) return {};
      if (parts[1 - logits].channels % boxes != 0) return {};
      const int values = parts[1 - logits].channels / boxes;
      if (values != 16 && values != 18 && values != 12) return {};
      Chosen sides{1 - logits, {}};
      for (int i = 0; i < boxes * 4; ++i) sides.channels.push_back(i / 4 * values + i % 4);
      const std::vector<graph::Anchor> anchors(static_cast<std::size_t>(boxes), {width, width});
      found.heads.push_back({l,
                             {{logits, {}}, std::move(sides)},
                             graph::Ssd{anchors, 1, 1 / width, 1 / width, true, true}});
    }
    return found;
  }

  const Imported& imported_;
  const std::vector<Level>& levels_;
};

}  // namespace

std::optional<Candidate> family_with_anchors(const Imported& imported,
                                             const std::vector<Level>& levels,
                                             const HeadOptions& heads) {
  if (levels.empty()) return {};
  return Parts(imported, levels).family_with(heads);
}

std::optional<Candidate> family_of_parts(const Imported& imported, const std::vector<Level>& levels,
                                         std::optional<Family> given) {
  const Parts parts(imported, levels);
  std::optional<Candidate> found = parts.family();
  if (given && (!found || found->family != *given)) return parts.of(*given);
  return found;
}

}  // namespace oko::formats
