#include "oko/dataset/stats.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace oko::dataset {
namespace {

double area_of(image::Size size) {
  return static_cast<double>(size.width) * static_cast<double>(size.height);
}

void count_size(const image::Box& box, Stats& stats) {
  const double side = std::sqrt(static_cast<double>(box.area()));
  ++(side < 32 ? stats.small : side < 96 ? stats.medium : stats.large);
  const int bin = side < 4 ? 0 : std::min(static_cast<int>(std::log2(side)) - 1, kSizeBins - 1);
  ++stats.sizes[bin];
}

void count_picture_size(image::Size size, Stats& stats) {
  if (stats.pictures == 1 || area_of(size) < area_of(stats.smallest_picture)) {
    stats.smallest_picture = size;
  }
  if (area_of(size) > area_of(stats.largest_picture)) stats.largest_picture = size;
}

void count_sample(const Sample& sample, std::size_t split, const image::Placement& placement,
                  Stats& stats) {
  std::set<int> shown;
  for (const Object& object : sample.objects) {
    if (object.crowd) continue;
    ClassStats& of_class = stats.classes[object.class_id];
    ++of_class.boxes[split];
    ++of_class.all_boxes;
    of_class.difficult += object.difficult ? 1 : 0;
    shown.insert(object.class_id);
    ++stats.boxes;
    ++stats.splits[split].boxes;
    count_size(placement.to_input(object.box), stats);
  }
  for (const int class_id : shown) ++stats.classes[class_id].pictures;
  ++stats.splits[split].pictures;
  if (sample.objects.empty()) ++stats.splits[split].backgrounds;
}

}  // namespace

Stats measure(const Dataset& dataset, image::Size input, const image::Preprocess& preprocess) {
  Stats stats;
  const std::vector<std::string> names = split_names(dataset);
  for (const std::string& name : names) stats.splits.push_back({name, 0, 0, 0});
  for (const std::string& name : dataset.classes) {
    stats.classes.push_back({name, std::vector<int>(names.size()), 0, 0, 0});
  }
  std::vector<int> counts;
  for (const Sample& sample : dataset.samples) {
    const auto split = std::find(names.begin(), names.end(), sample.split) - names.begin();
    const int before = stats.boxes;
    ++stats.pictures;
    count_picture_size(sample.size, stats);
    count_sample(sample, static_cast<std::size_t>(split),
                 image::place(sample.size, input, preprocess), stats);
    counts.push_back(stats.boxes - before);
  }
  if (counts.empty()) return stats;
  std::sort(counts.begin(), counts.end());
  stats.median_boxes = counts[counts.size() / 2];
  stats.most_boxes = counts.back();
  stats.boxes_a_picture = static_cast<double>(stats.boxes) / static_cast<double>(counts.size());
  return stats;
}

}  // namespace oko::dataset
