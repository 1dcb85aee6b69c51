#include "oko/dataset/dropped.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace oko::dataset {
namespace {

void add_count(std::map<std::string, int>& counts, const std::string& reason, int count) {
  if (count > 0) counts[reason] += count;
}

int sum_of(const std::map<std::string, int>& counts) {
  int sum = 0;
  for (const auto& [reason, count] : counts) sum += count;
  return sum;
}

bool is_repetition(const std::string& reason) {
  return reason == "duplicate-entry" || reason == "duplicate-box";
}

}  // namespace

Content content_of(const Dataset& dataset) {
  return {static_cast<int>(dataset.samples.size()), static_cast<int>(count_objects(dataset)),
          static_cast<int>(dataset.classes.size())};
}

void Dropped::add_images(const std::string& reason, int count) { add_count(images, reason, count); }

void Dropped::add_boxes(const std::string& reason, int count) { add_count(boxes, reason, count); }

void Dropped::add(const Dropped& other) {
  for (const auto& [reason, count] : other.images) add_images(reason, count);
  for (const auto& [reason, count] : other.boxes) add_boxes(reason, count);
}

int Dropped::image_count() const { return sum_of(images); }
int Dropped::box_count() const { return sum_of(boxes); }

std::vector<std::string> Dropped::lines() const {
  std::vector<std::string> lines;
  const auto add_line = [&](const std::map<std::string, int>& counts, int sum, const char* one,
                            const char* many) {
    std::vector<std::string> reasons;
    for (const auto& [reason, count] : counts)
      reasons.push_back(fmt::format("{} {}", reason, count));
    if (sum == 0) return;
    lines.push_back(
        fmt::format("dropped: {} {} ({})", sum, sum == 1 ? one : many, fmt::join(reasons, ", ")));
  };
  add_line(images, image_count(), "image", "images");
  add_line(boxes, box_count(), "box", "boxes");
  return lines;
}

int Dropped::boxes_lost() const {
  int sum = 0;
  for (const auto& [reason, count] : boxes) sum += is_repetition(reason) ? 0 : count;
  return sum;
}

Dropped dropped_in_reading(const std::vector<Finding>& findings) {
  Dropped dropped;
  for (const Finding& finding : findings) {
    dropped.add_images(finding.kind, finding.images_lost);
    dropped.add_boxes(finding.kind, finding.boxes_lost + finding.boxes_repeated);
  }
  return dropped;
}

}  // namespace oko::dataset
