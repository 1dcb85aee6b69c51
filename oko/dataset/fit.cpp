#include "oko/dataset/fit.h"

#include <utility>

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
  Fitting(std::string format, Fitted& result)
      : format_(std::move(format)),
        in_pixels_(format_ == "voc" || format_ == "keras"),
        result_(result) {}

  void fit(Sample& sample) {
    std::erase_if(sample.objects, [&](const Object& object) { return drops(object, sample.size); });
    for (Object& object : sample.objects) fit(object, sample.size);
  }

 private:
  bool drops(const Object& object, image::Size size) {
    const bool no_crowds = format_ == "yolo" || format_ == "keras" || format_ == "createml";
    const bool no_outside = in_pixels_ || format_ == "yolo";
    const char* reason = object.crowd && no_crowds ? "crowd"
                         : no_outside && is_known(size) && is_outside(object.box, size)
                             ? "outside-box"
                             : nullptr;
    if (reason != nullptr) result_.dropped.add_boxes(reason, 1);
    return reason != nullptr;
  }

  void fit(Object& object, image::Size size) {
    const bool clips = in_pixels_ ? is_past_edge(object.box, size)
                                  : format_ == "yolo" && is_past_one(object.box, size);
    if (is_known(size) && clips) {
      object.box = image::clipped(object.box, size);
      ++result_.boxes_clipped;
    }
    if (object.crowd && format_ == "voc") {
      object.difficult = true;
      lose(object.crowd, "crowd");
    }
    const bool all = format_ == "shards";
    if (!all && format_ != "voc" && format_ != "coco") lose(object.difficult, "difficult");
    if (!all && format_ != "voc") lose(object.truncated, "truncated");
  }

  void lose(bool& flag, const char* name) {
    if (std::exchange(flag, false)) ++result_.flags_lost[name];
  }

  std::string format_;
  bool in_pixels_;
  Fitted& result_;
};

}  // namespace

Fitted fitted(Dataset dataset, const std::string& format) {
  Fitted result{std::move(dataset), {}, 0, {}};
  Fitting fitting(format, result);
  if (format != "shards") {
    for (const Sample& sample : result.data.samples) {
      if (!is_usual(sample.split)) ++result.flags_lost["split " + sample.split];
    }
  }
  for (Sample& sample : result.data.samples) fitting.fit(sample);
  if (format != "yolo") {
    for (const auto& [split, other] : result.data.same_splits) {
      result.flags_lost[split + " has the images of " + other] =
          static_cast<int>(subset(result.data, other).samples.size());
    }
    result.data.same_splits.clear();
  }
  return result;
}

}  // namespace oko::dataset
