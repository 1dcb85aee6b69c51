#include "oko/dataset/anchors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "oko/base/error.h"
#include "oko/base/random.h"

namespace oko::dataset {
namespace {

using graph::Anchor;

// IoU of two boxes with a common centre.
double iou_of_sizes(const Anchor& a, const Anchor& b) {
  const double shared = static_cast<double>(std::min(a.width, b.width)) *
                        static_cast<double>(std::min(a.height, b.height));
  const double all = static_cast<double>(a.width) * static_cast<double>(a.height) +
                     static_cast<double>(b.width) * static_cast<double>(b.height) - shared;
  return all > 0 ? shared / all : 0;
}

struct Best {
  std::size_t index = 0;
  double iou = 0;
};

Best best_anchor(const Anchor& box, const std::vector<Anchor>& anchors) {
  Best best;
  for (std::size_t i = 0; i < anchors.size(); ++i) {
    const double iou = iou_of_sizes(box, anchors[i]);
    if (iou > best.iou) best = {i, iou};
  }
  return best;
}

std::vector<Anchor> sizes_on_input(const Dataset& dataset, image::Size input,
                                   const image::Preprocess& preprocess) {
  std::vector<Anchor> sizes;
  for (const Sample& sample : dataset.samples) {
    if (sample.size.width <= 0 || sample.size.height <= 0) continue;
    const image::Placement placement = image::place(sample.size, input, preprocess);
    for (const Object& object : sample.objects) {
      if (object.crowd) continue;
      const image::Box box = placement.to_input(object.box);
      if (box.width() > 0 && box.height() > 0) sizes.push_back({box.width(), box.height()});
    }
  }
  if (sizes.empty()) {
    throw input_error(dataset.uri, "there are no boxes to compute anchors from",
                      "label some images, or use the network's own anchors");
  }
  return sizes;
}

bool smaller(const Anchor& a, const Anchor& b) {
  const float area_a = a.width * a.height, area_b = b.width * b.height;
  return area_a != area_b ? area_a < area_b : a.width < b.width;
}

// k-means++: each next centre is drawn with probability proportional to its squared distance from
// those chosen before.
std::vector<Anchor> starting_centres(const std::vector<Anchor>& sizes, int k, Random& random) {
  std::vector<Anchor> centres{sizes[random.below(sizes.size())]};
  std::vector<double> distance(sizes.size(), 1);
  while (static_cast<int>(centres.size()) < k) {
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      distance[i] = std::min(distance[i], 1 - iou_of_sizes(sizes[i], centres.back()));
    }
    double total = 0;
    for (const double d : distance) total += d * d;
    double left = random.uniform() * total;
    std::size_t chosen = 0;
    while (chosen + 1 < sizes.size() && (left -= distance[chosen] * distance[chosen]) > 0) ++chosen;
    centres.push_back(sizes[chosen]);
  }
  return centres;
}

// Lloyd's iterations from `centres`. The mean is not the exact centre of 1 − IoU, so an iteration
// may get slightly worse: the best one is kept. Returns its sum of best IoUs.
double refine(const std::vector<Anchor>& sizes, std::vector<Anchor>& centres) {
  constexpr int kMostRounds = 100;
  struct Sum {
    double width = 0, height = 0, count = 0;
  };
  std::vector<Anchor> moved = centres;
  double best_total = -1;
  for (int round = 0; round < kMostRounds; ++round) {
    std::vector<Sum> sums(moved.size());
    double total = 0;
    for (const Anchor& size : sizes) {
      const Best best = best_anchor(size, moved);
      total += best.iou;
      Sum& sum = sums[best.index];
      sum.width += static_cast<double>(size.width);
      sum.height += static_cast<double>(size.height);
      sum.count += 1;
    }
    if (total <= best_total) break;
    best_total = total;
    centres = moved;
    for (std::size_t i = 0; i < moved.size(); ++i) {
      if (sums[i].count == 0) continue;
      moved[i] = {static_cast<float>(sums[i].width / sums[i].count),
                  static_cast<float>(sums[i].height / sums[i].count)};
    }
  }
  return best_total;
}

std::vector<Anchor> distinct_sizes(std::vector<Anchor> sizes) {
  std::sort(sizes.begin(), sizes.end(), smaller);
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

// With few sizes, scaled copies of them at 1/√2, √2, 1/2, 2, … fill up the number.
std::vector<Anchor> filled_up(const std::vector<Anchor>& distinct, int k) {
  std::vector<Anchor> anchors = distinct;
  for (int step = 1; static_cast<int>(anchors.size()) < k; ++step) {
    const auto power = static_cast<float>((step + 1) / 2) * (step % 2 == 1 ? -.5F : .5F);
    for (std::size_t i = 0; i < distinct.size() && static_cast<int>(anchors.size()) < k; ++i) {
      const float factor = std::exp2(power);
      const Anchor copy{distinct[i].width * factor, distinct[i].height * factor};
      if (best_anchor(copy, anchors).iou < .99) anchors.push_back(copy);
    }
  }
  return anchors;
}

std::vector<Anchor> cluster(std::vector<Anchor> sizes, int k, Random& random) {
  constexpr std::size_t kMostSizes = 20000;
  constexpr int kRuns = 10;
  if (const auto distinct = distinct_sizes(sizes); static_cast<int>(distinct.size()) <= k) {
    return filled_up(distinct, k);
  }
  if (sizes.size() > kMostSizes) {
    random.shuffle(std::span(sizes));
    sizes.resize(kMostSizes);
  }
  std::vector<Anchor> best;
  double best_fit = -1;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<Anchor> centres = starting_centres(sizes, k, random);
    const double fit = refine(sizes, centres);
    if (fit > best_fit) {
      best_fit = fit;
      best = std::move(centres);
    }
  }
  return best;
}

AnchorFit measure(const std::vector<Anchor>& sizes, std::vector<Anchor> anchors) {
  AnchorFit fit;
  fit.boxes = sizes.size();
  for (const Anchor& size : sizes) {
    const double iou = best_anchor(size, anchors).iou;
    fit.mean_best_iou += iou;
    fit.recall += iou > .5 ? 1 : 0;
  }
  fit.mean_best_iou /= static_cast<double>(sizes.size());
  fit.recall /= static_cast<double>(sizes.size());
  fit.anchors = std::move(anchors);
  return fit;
}

}  // namespace

AnchorFit cluster_anchors(const Dataset& dataset, int k, image::Size input,
                          const image::Preprocess& preprocess, std::uint64_t seed) {
  if (k < 1 || k > 64) {
    throw Error(ErrorCode::kUsage, "anchors", fmt::format("{} anchors were requested", k),
                "use 1 to 64; yolov3 has 9, the smaller networks have 6");
  }
  const std::vector<Anchor> sizes = sizes_on_input(dataset, input, preprocess);
  Random random(seed);
  std::vector<Anchor> anchors = cluster(sizes, k, random);
  std::sort(anchors.begin(), anchors.end(), smaller);
  return measure(sizes, std::move(anchors));
}

AnchorFit measure_anchors(const Dataset& dataset, std::vector<Anchor> anchors, image::Size input,
                          const image::Preprocess& preprocess) {
  return measure(sizes_on_input(dataset, input, preprocess), std::move(anchors));
}

double mean_best_iou(const Dataset& dataset, const std::vector<Anchor>& anchors, image::Size input,
                     const image::Preprocess& preprocess) {
  return measure_anchors(dataset, anchors, input, preprocess).mean_best_iou;
}

}  // namespace oko::dataset
