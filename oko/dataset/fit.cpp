#include "oko/dataset/fit.h"

#include <utility>

#include "oko/dataset/format.h"
#include "oko/dataset/image_sizes.h"

namespace oko::dataset {
namespace {

bool is_outside(const image::Box& box, image::Size size) {
  const image::Box inside = image::clipped(box, size);
  return inside.width() <= 0 || inside.height() <= 0 ||
         (inside != box && inside.width() <= 1 && inside.height() <= 1);
}

bool is_past_edge(const image::Box& box, image::Size size) {
  const image::Box inside = image::clipped(box, size);
  return inside.left - box.left > kRounding || inside.top - box.top > kRounding ||
         box.right - inside.right > kRounding || box.bottom - inside.bottom > kRounding;
}

// Whether centre or size would be outside 0 to 1.
bool is_past_one(const image::Box& box, image::Size size) {
  const float x = box.left + box.right, y = box.top + box.bottom;
  const auto width = static_cast<float>(size.width), height = static_cast<float>(size.height);
  return x < 0 || y < 0 || x > 2 * width || y > 2 * height || box.width() > width ||
         box.height() > height;
}

// Splits that every format can say.
bool is_usual(const std::string& split) {
  return split.empty() || split == "train" || split == "val" || split == "test";
}

class Fitting {
 public:
  Fitting(const Holds& holds, Fitted& result) : holds_(holds), result_(result) {}

  void fit(Sample& sample) {
    std::erase_if(sample.objects, [&](const Object& object) { return drops(object, sample.size); });
    for (Object& object : sample.objects) fit(object, sample.size);
  }

 private:
  bool drops(const Object& object, image::Size size) {
    const bool is_lost = object.crowd && !holds_.crowds && !holds_.difficult;
    const bool no_outside = holds_.edges != Holds::Edges::kAny;
    const char* reason = is_lost ? "crowd"
                         : no_outside && is_known(size) && is_outside(object.box, size)
                             ? "outside-box"
                             : nullptr;
    if (reason != nullptr) result_.dropped.add_boxes(reason, 1);
    return reason != nullptr;
  }

  void fit(Object& object, image::Size size) {
    const bool clips = holds_.edges == Holds::Edges::kPixels      ? is_past_edge(object.box, size)
                       : holds_.edges == Holds::Edges::kFractions ? is_past_one(object.box, size)
                                                                  : false;
    if (is_known(size) && clips) {
      object.box = image::clipped(object.box, size);
      ++result_.boxes_clipped;
    }
    if (object.crowd && !holds_.crowds) {
      object.difficult = true;
      lose(object.crowd, "crowd");
    }
    if (!holds_.difficult) lose(object.difficult, "difficult");
    if (!holds_.truncated) lose(object.truncated, "truncated");
  }

  void lose(bool& flag, const char* name) {
    if (std::exchange(flag, false)) ++result_.flags_lost[name];
  }

  const Holds& holds_;
  Fitted& result_;
};

}  // namespace

Fitted fitted(Dataset dataset, const std::string& format) {
  Fitted result{std::move(dataset), {}, 0, {}};
  const Holds& holds = format_named(format, result.data.uri).holds;
  Fitting fitting(holds, result);
  if (!holds.any_split) {
    for (const Sample& sample : result.data.samples) {
      if (!is_usual(sample.split)) ++result.flags_lost["split " + sample.split];
    }
  }
  for (Sample& sample : result.data.samples) fitting.fit(sample);
  if (!holds.same_splits) {
    for (const auto& [split, other] : result.data.same_splits) {
      result.flags_lost[split + " has the images of " + other] =
          static_cast<int>(subset(result.data, other).samples.size());
    }
    result.data.same_splits.clear();
  }
  return result;
}

}  // namespace oko::dataset
