#include "oko/dataset/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "oko/dataset/facts.h"
#include "oko/dataset/fit.h"
#include "oko/dataset/format.h"
#include "oko/dataset/image_sizes.h"
#include "oko/dataset/picture_name.h"
#include "oko/dataset/text.h"
#include "oko/dataset/upright.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

using Fix = Finding::Fix;
using Severity = Finding::Severity;

std::string text_of(const image::Box& b) {
  return fmt::format("({:g}, {:g}) to ({:g}, {:g})", b.left, b.top, b.right, b.bottom);
}

// Of two equal images the one used for evaluation is kept: test before val before train.
int keeping_rank(const std::string& split) { return split == "test" ? 0 : split == "val" ? 1 : 2; }

class Checker {
 public:
  Checker(const Dataset& dataset, const CheckOptions& options)
      : dataset_(dataset), options_(options), states_sizes_(states_sizes(dataset)) {
    const Format* format = find_format(dataset.format);
    states_pixels_ = format != nullptr && format->holds.pixels;
  }

  std::vector<Finding> run(Progress& progress) {
    facts_ = picture_facts(dataset_, options_.threads, progress);
    for (std::size_t i = 0; i < facts_.size(); ++i) {
      check_picture(dataset_.samples[i], facts_[i]);
      check_boxes(dataset_.samples[i], facts_[i]);
    }
    check_copies();
    check_likenesses();
    check_classes();
    return std::move(findings_);
  }

 private:
  void report(Severity severity, const char* kind, const Sample& sample, int object,
              std::string place, std::string message, std::string repair = {},
              Fix fix = Fix::kNothing) {
    findings_.push_back({severity, kind, std::move(place), std::move(message), std::move(repair),
                         sample.id, object, fix});
  }
  void report_picture(Severity severity, const char* kind, const Sample& sample,
                      std::string message, std::string repair = {}, Fix fix = Fix::kNothing) {
    report(severity, kind, sample, -1, short_name(sample.image), std::move(message),
           std::move(repair), fix);
  }

  // Without the dataset's own folder.
  std::string short_name(const std::string& uri) const {
    const std::string folder = dataset_.uri + "/";
    return uri.starts_with(folder) ? uri.substr(folder.size()) : uri;
  }

  void check_picture(const Sample& sample, const PictureFacts& facts) {
    if (!facts.error.empty()) {
      report_picture(Severity::kError, facts.info.truncated ? "truncated-image" : kUnreadableImage,
                     sample, facts.error, "the image is dropped", Fix::kDropPicture);
      return;
    }
    if (facts.info.truncated) {
      report_picture(Severity::kNote, "no-end-mark", sample,
                     "the file lacks its end marker, but all pixels are present");
    }
    if (const std::string right = right_extension(sample.image, facts.info.format);
        !right.empty()) {
      report_picture(Severity::kWarning, "wrong-extension", sample,
                     fmt::format("is a {} file", facts.info.format),
                     fmt::format("it is named {}", right), Fix::kRightExtension);
    }
    if (facts.grey) report_picture(Severity::kNote, "grey-image", sample, "is greyscale");
    if (sample.depth == 1 && !facts.grey) {
      report(Severity::kNote, "depth-mismatch", sample, -1, short_name(sample.annotation),
             "<depth> is 1, but the image is in colour");
    }
    if (facts.info.exif_orientation != 1) check_orientation(sample, facts.info);
    check_size(sample, facts.info);
  }

  // For images whose annotation does not say which pixels it refers to.
  void check_orientation(const Sample& sample, const media::PictureInfo& info) {
    const image::Size upright = info.upright_size();
    const bool says = states_sizes_ && sample.size == upright && upright != info.size;
    if (says || states_pixels_ || sample.turned || options_.exif_known) return;
    std::vector<image::Box> boxes;
    for (const Object& object : sample.objects) boxes.push_back(object.box);
    const bool wrong = count_fitting_only(boxes, info.size, upright) > 0 &&
                       count_fitting_only(boxes, upright, info.size) == 0;
    const std::string turns = fmt::format("EXIF orientation {} rotates the image to {}",
                                          info.exif_orientation, size_text(upright));
    if (wrong) {
      report_picture(Severity::kError, "exif-orientation", sample,
                     turns + ", but boxes fit only the stored pixels; read it with --exif stored");
    } else {
      report_picture(Severity::kWarning, "exif-orientation", sample,
                     turns + "; assuming boxes are on the upright image (otherwise --exif stored)");
    }
  }

  void check_size(const Sample& sample, const media::PictureInfo& info) {
    const image::Size real = info.upright_size();
    const SizeFit fit = compare_sizes(sample.size, real);
    const std::string said = mismatch_text(sample.size, real);
    switch (fit) {
      case SizeFit::kSame:
        return;
      case SizeFit::kUnstated:
        if (!sample.annotation.empty() && states_sizes_) {
          report_size(Severity::kNote, "no-size", sample, "the annotation has no image size",
                      fmt::format("{} is written", size_text(real)), Fix::kTakeSize);
        }
        return;
      case SizeFit::kScaled:
        report_size(Severity::kError, "size-mismatch", sample, said,
                    "the boxes are scaled to the image", Fix::kScaleBoxes);
        return;
      case SizeFit::kTurned:
        check_turned(sample, real, said);
        return;
      case SizeFit::kOther:
        if (all_inside(sample, real)) {
          report_size(Severity::kError, "size-mismatch", sample, said,
                      "the image's size is written; its boxes fit", Fix::kTakeSize);
        } else {
          report_size(Severity::kError, "size-mismatch", sample, said + ", and boxes are outside",
                      "the image is dropped", Fix::kDropPicture);
        }
    }
  }

  // Boxes of the turned image are elsewhere, though they may fit as well. Only those that do not
  // fit the stated size show that the size is wrong and the boxes are right.
  void check_turned(const Sample& sample, image::Size real, const std::string& said) {
    const bool fits = all_inside(sample, real);
    if (fits && (sample.objects.empty() || !all_inside(sample, sample.size))) {
      report_size(Severity::kError, "size-mismatch", sample, said,
                  "the image's size is written; its boxes fit", Fix::kTakeSize);
    } else {
      report_size(Severity::kError, "size-mismatch", sample,
                  said + ": the image was rotated before its boxes were drawn, or after",
                  "the image is dropped", Fix::kDropPicture);
    }
  }

  void report_size(Severity severity, const char* kind, const Sample& sample, std::string message,
                   std::string repair, Fix fix) {
    report(severity, kind, sample, -1, short_name(sample.annotation), std::move(message),
           std::move(repair), fix);
  }

  static bool all_inside(const Sample& sample, image::Size size) {
    return std::all_of(sample.objects.begin(), sample.objects.end(), [&](const Object& object) {
      return image::clipped(object.box, size) == object.box;
    });
  }

  // The pixels that boxes are measured in: the annotation's if repair uses them.
  static image::Size box_frame(const Sample& sample, const PictureFacts& facts) {
    if (!facts.error.empty()) return sample.size;
    const image::Size real = facts.info.upright_size();
    return compare_sizes(sample.size, real) == SizeFit::kScaled ? sample.size : real;
  }

  void check_boxes(const Sample& sample, const PictureFacts& facts) {
    const image::Size frame = box_frame(sample, facts);
    if (!is_known(frame)) return;
    for (int i = 0; i < static_cast<int>(sample.objects.size()); ++i) check_box(sample, i, frame);
    check_doubles(sample);
  }

  void check_box(const Sample& sample, int index, image::Size frame) {
    const Object& object = sample.objects[index];
    const image::Box inside = image::clipped(object.box, frame);
    if (inside.width() <= 0 || inside.height() <= 0 ||
        (inside != object.box && inside.width() <= 1 && inside.height() <= 1)) {
      report(
          Severity::kWarning, "outside-box", sample, index, object.place,
          fmt::format("the box {} is outside the image, {}", text_of(object.box), size_text(frame)),
          "the box is dropped", Fix::kDropBox);
      return;
    }
    const float over = std::max({-object.box.left, -object.box.top,
                                 object.box.right - static_cast<float>(frame.width),
                                 object.box.bottom - static_cast<float>(frame.height)});
    if (over > kRounding) {
      report(over > 1 ? Severity::kWarning : Severity::kNote, "past-edge", sample, index,
             object.place,
             fmt::format("the box {} extends past the edge of the image, {}, by {:.3g} pixels",
                         text_of(object.box), size_text(frame), over),
             "the box is clipped to the image", Fix::kClipBox);
    }
    check_tiny(sample, index, inside, frame);
  }

  void check_tiny(const Sample& sample, int index, const image::Box& box, image::Size frame) {
    constexpr float kTinySide = 4;  // on the network's input: half a cell of the finest grid
    const std::string& place = sample.objects[index].place;
    if (std::min(box.width(), box.height()) <= 1) {
      report(Severity::kWarning, "thin-box", sample, index, place,
             fmt::format("the box is {:.3g} by {:.3g} pixels", box.width(), box.height()));
      return;
    }
    const float scale =
        std::min(static_cast<float>(options_.input.width) / static_cast<float>(frame.width),
                 static_cast<float>(options_.input.height) / static_cast<float>(frame.height));
    if (std::sqrt(box.area()) * scale < kTinySide) {
      report(Severity::kNote, "tiny-box", sample, index, place,
             fmt::format("the box is {:.2g} by {:.2g} pixels on the {} input", box.width() * scale,
                         box.height() * scale, size_text(options_.input)));
    }
  }

  // The same object labelled twice.
  void check_doubles(const Sample& sample) {
    constexpr float kSame = .95F;
    for (std::size_t i = 0; i < sample.objects.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const Object& a = sample.objects[j];
        const Object& b = sample.objects[i];
        if (a.class_id != b.class_id || a.crowd != b.crowd || image::iou(a.box, b.box) <= kSame) {
          continue;
        }
        report(Severity::kWarning, "duplicate-box", sample, static_cast<int>(i), b.place,
               fmt::format("nearly the same \"{}\" box as at {}", class_name(b.class_id), a.place),
               "the second one is dropped", Fix::kDropBox);
        break;
      }
    }
  }

  const std::string& class_name(int class_id) const { return dataset_.classes[class_id]; }

  std::string name_in_split(const Sample& sample) const {
    return short_name(sample.image) + (sample.split.empty() ? "" : " (" + sample.split + ")");
  }

  void check_copies() {
    for (const std::vector<std::size_t>& group : same_pictures(facts_, false)) {
      const std::size_t kept =
          *std::min_element(group.begin(), group.end(), [&](std::size_t a, std::size_t b) {
            return keeping_rank(dataset_.samples[a].split) <
                   keeping_rank(dataset_.samples[b].split);
          });
      const Sample& original = dataset_.samples[kept];
      for (const std::size_t i : group) {
        if (i == kept) continue;
        const Sample& copy = dataset_.samples[i];
        const bool leak = copy.split != original.split;
        report_picture(leak ? Severity::kError : Severity::kWarning,
                       leak ? kSplitLeak : "duplicate-image", copy,
                       fmt::format("{}has the same pixels as {}{}",
                                   leak ? "is in " + split_text(copy) + " and " : "",
                                   name_in_split(original), boxes_differ(copy, original)),
                       fmt::format("only {} is kept", short_name(original.image)),
                       Fix::kDropPicture);
      }
    }
  }

  static std::string split_text(const Sample& sample) {
    return sample.split.empty() ? "no split" : sample.split;
  }

  static std::string boxes_differ(const Sample& a, const Sample& b) {
    const bool same = std::equal(a.objects.begin(), a.objects.end(), b.objects.begin(),
                                 b.objects.end(), [](const Object& x, const Object& y) {
                                   return x.class_id == y.class_id && x.box == y.box;
                                 });
    return same ? "" : ", with other boxes";
  }

  void check_likenesses() {
    for (const std::vector<std::size_t>& group : same_pictures(facts_, true)) {
      for (const std::size_t i : group) {
        if (i == group.front() || facts_[i].pixels == facts_[group.front()].pixels) continue;
        const Sample& first = dataset_.samples[group.front()];
        const Sample& other = dataset_.samples[i];
        const bool across = first.split != other.split;
        report_picture(across ? Severity::kWarning : Severity::kNote,
                       across ? "near-leak" : "near-duplicate", other,
                       fmt::format("looks like {}", name_in_split(first)));
      }
    }
  }

  void check_classes() {
    std::vector<std::map<std::string, int>> counts(dataset_.classes.size());
    for (const Sample& sample : dataset_.samples) {
      for (const Object& object : sample.objects) {
        ++counts[object.class_id][sample.split];
      }
    }
    const Sample none;
    if (count_objects(dataset_) == 0) {
      report(Severity::kError, "no-boxes", none, -1, dataset_.uri,
             "the dataset has no boxes at all");
      return;
    }
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i].empty()) {
        report(Severity::kNote, "class-without-boxes", none, -1, dataset_.uri,
               fmt::format("class \"{}\" has no boxes", dataset_.classes[i]));
      } else if (has_split(dataset_, "train") && !counts[i].contains("train")) {
        report(Severity::kWarning, "class-not-in-train", none, -1, dataset_.uri,
               fmt::format("class \"{}\" has boxes, but none in train", dataset_.classes[i]));
      }
    }
    check_spellings();
  }

  void check_spellings() {
    std::map<std::string, std::size_t> first;
    for (std::size_t i = 0; i < dataset_.classes.size(); ++i) {
      const auto [at, is_new] = first.emplace(spelling_key(dataset_.classes[i]), i);
      if (is_new) continue;
      report(Severity::kWarning, "similar-classes", Sample{}, -1, dataset_.uri,
             fmt::format("classes \"{}\" and \"{}\" differ only in spelling",
                         dataset_.classes[at->second], dataset_.classes[i]),
             fmt::format("both become \"{}\"", dataset_.classes[at->second]), Fix::kMergeClass);
    }
  }

  const Dataset& dataset_;
  const CheckOptions& options_;
  bool states_sizes_, states_pixels_;  // as Holds
  std::vector<PictureFacts> facts_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check(const Dataset& dataset, Progress& progress,
                           const CheckOptions& options) {
  return Checker(dataset, options).run(progress);
}

}  // namespace oko::dataset
