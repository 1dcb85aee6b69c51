#include "oko/dataset/repair.h"

#include <algorithm>
#include <map>
#include <set>

#include "oko/base/error.h"
#include "oko/dataset/fit.h"
#include "oko/dataset/image_sizes.h"
#include "oko/dataset/picture_name.h"
#include "oko/dataset/text.h"
#include "oko/dataset/write.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

using Fix = Finding::Fix;

// The repairs of one sample.
struct Plan {
  std::set<Fix> fixes;                 // of the whole image
  std::string drop_reason;             // why, if it is dropped
  std::map<int, std::string> dropped;  // objects, and why
  std::set<int> clipped;
  bool has(Fix fix) const { return fixes.contains(fix); }
};

std::map<std::string, Plan> make_plans(const std::vector<Finding>& findings) {
  std::map<std::string, Plan> plans;
  for (const Finding& finding : findings) {
    if (finding.fix == Fix::kNothing || finding.sample.empty()) continue;
    Plan& plan = plans[finding.sample];
    if (finding.fix == Fix::kDropBox) {
      plan.dropped.emplace(finding.object, finding.kind);
    } else if (finding.fix == Fix::kClipBox) {
      plan.clipped.insert(finding.object);
    } else {
      plan.fixes.insert(finding.fix);
      const bool first = plan.drop_reason.empty();
      if (first && finding.fix == Fix::kDropPicture) plan.drop_reason = finding.kind;
    }
  }
  return plans;
}

void scale_boxes(Sample& sample, image::Size real) {
  const float x = static_cast<float>(real.width) / static_cast<float>(sample.size.width);
  const float y = static_cast<float>(real.height) / static_cast<float>(sample.size.height);
  for (Object& object : sample.objects) {
    image::Box& box = object.box;
    box = {box.left * x, box.top * y, box.right * x, box.bottom * y};
  }
}

// Clips and drops boxes in the annotation's pixels, then converts them to the image's.
void repair_sample(Sample& sample, image::Size real, const Plan& plan, RepairResult& result) {
  const image::Size frame = plan.has(Fix::kScaleBoxes) ? sample.size : real;
  std::vector<Object> kept;
  for (int i = 0; i < static_cast<int>(sample.objects.size()); ++i) {
    if (const auto dropped = plan.dropped.find(i); dropped != plan.dropped.end()) {
      ++result.boxes_dropped;
      result.dropped.add_boxes(dropped->second, 1);
      continue;
    }
    kept.push_back(sample.objects[i]);
    if (plan.clipped.contains(i)) {
      kept.back().box = image::clipped(kept.back().box, frame);
      ++result.boxes_clipped;
    }
  }
  sample.objects = std::move(kept);
  if (plan.has(Fix::kScaleBoxes)) {
    scale_boxes(sample, real);
    result.boxes_scaled += static_cast<int>(sample.objects.size());
  }
  sample.size = real;
  result.pictures_renamed += plan.has(Fix::kRightExtension) ? 1 : 0;
}

// Names that differ only in spelling become the first of them.
void merge_classes(Dataset& dataset) {
  std::map<std::string, int> merged;
  std::vector<int> new_id;
  std::vector<std::string> classes;
  for (const std::string& name : dataset.classes) {
    const auto [at, is_new] = merged.emplace(spelling_key(name), static_cast<int>(classes.size()));
    if (is_new) classes.push_back(name);
    new_id.push_back(at->second);
  }
  dataset.classes = std::move(classes);
  for (Sample& sample : dataset.samples) {
    for (Object& object : sample.objects) {
      object.class_id = new_id[object.class_id];
    }
  }
}

PictureFile repaired_picture(const Dataset& dataset, const Sample& sample, const Plan* plan) {
  const std::string name = storage::filename(sample.image);
  PictureFile file{name.substr(name.size() - storage::extension(name).size()),
                   picture_bytes(dataset, sample)};
  if (plan && plan->has(Fix::kRightExtension)) {
    file.extension = extension_of(media::probe(file.content).format);
  }
  return file;
}

}  // namespace

RepairResult repair(const Dataset& dataset, const std::vector<Finding>& findings,
                    const std::string& folder, Progress& progress, const RepairOptions& options) {
  RepairResult result;
  result.dropped = dropped_in_reading(findings);
  const std::map<std::string, Plan> plans = make_plans(findings);
  Dataset repaired = dataset;
  repaired.samples.clear();
  for (const Sample& sample : dataset.samples) {
    const auto plan = plans.find(sample.id);
    if (plan != plans.end() && plan->second.has(Fix::kDropPicture)) {
      ++result.pictures_dropped;
      result.dropped.add_images(plan->second.drop_reason, 1);
      result.dropped.add_boxes(plan->second.drop_reason, static_cast<int>(sample.objects.size()));
      continue;
    }
    repaired.samples.push_back(sample);
    if (plan == plans.end()) continue;
    const image::Size real = picture_size(*dataset.files, sample.image);
    repair_sample(repaired.samples.back(), real, plan->second, result);
  }
  if (repaired.samples.empty()) {
    throw input_error(dataset.uri, "no image is left after repair");
  }
  if (std::any_of(findings.begin(), findings.end(),
                  [](const Finding& f) { return f.fix == Fix::kMergeClass; })) {
    merge_classes(repaired);
  }
  Fitted made = fitted(std::move(repaired), dataset.format);
  result.dropped.add(made.dropped);
  if (options.approve) options.approve(result);
  write(made.data, folder, dataset.format, progress, [&](const Sample& sample) {
    if (options.interrupted && options.interrupted()) {
      throw Error(ErrorCode::kInterrupted, folder, "interrupted");
    }
    const auto plan = plans.find(sample.id);
    return repaired_picture(dataset, sample, plan == plans.end() ? nullptr : &plan->second);
  });
  return result;
}

}  // namespace oko::dataset
