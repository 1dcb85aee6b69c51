#include "oko/dataset/upright.h"

#include <fmt/format.h>

#include <algorithm>

#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/dataset/image_sizes.h"
#include "oko/media/picture.h"

namespace oko::dataset {
namespace {

image::Size swapped(image::Size size) { return {size.height, size.width}; }

// Whether a box extends past the right or lower edge of `frame` by more than sloppy labelling.
bool is_past(const image::Box& box, image::Size frame) {
  constexpr float kCareless = 1.02F, kRounding = 1;
  return box.right > static_cast<float>(frame.width) * kCareless + kRounding ||
         box.bottom > static_cast<float>(frame.height) * kCareless + kRounding;
}

// What an annotation's size implies for an image that EXIF rotates.
enum class Says { kNothing, kStored, kUpright };

struct Turned {
  SourcePicture* picture = nullptr;
  media::PictureInfo info;
  Says says = Says::kNothing;
};

Says what_size_says(image::Size said, const media::PictureInfo& info) {
  const image::Size stored = info.size, upright = info.upright_size();
  if (!is_known(said) || stored == upright) return Says::kNothing;
  if (said == stored || said == upright) return said == stored ? Says::kStored : Says::kUpright;
  const bool like_stored = same_shape(said, stored), like_upright = same_shape(said, upright);
  if (like_stored == like_upright) return Says::kNothing;
  return like_stored ? Says::kStored : Says::kUpright;
}

class Turner {
 public:
  Turner(const Tree& tree, Source& source, BoxPixels rule)
      : tree_(tree), source_(source), rule_(rule) {}

  void run() {
    const bool all = rule_ == BoxPixels::kStored;
    open([&](const ParsedPicture& p) { return all || has_shape(p.size); });
    if (rule_ != BoxPixels::kAuto) {
      for (Turned& turned : turned_) all ? turn(turned) : keep(turned);
      return;
    }
    const bool stored = sizes_mean_stored();
    if (stored && !any(Says::kUpright)) {
      open([](const ParsedPicture& p) { return !has_shape(p.size); });
    }
    for (Turned& turned : turned_) decide(turned, stored);
  }

 private:
  static bool has_shape(image::Size size) { return is_known(size) && size.width != size.height; }

  // Reads the headers of some images and keeps those that EXIF rotates.
  template <typename Wanted>
  void open(Wanted wanted) {
    constexpr int kAtOnce = 16;  // bound by the disk or a bucket
    std::vector<Turned> opened;
    std::vector<std::string> names;
    for (SourcePicture& picture : source_.pictures) {
      if (!wanted(picture.parsed)) continue;
      opened.push_back({&picture, {}});
      names.push_back(picture.image);
    }
    tree_.read_ahead(names);
    ThreadPool(kAtOnce).parallel_for(opened.size(), [&](std::size_t i) {
      Turned& one = opened[i];
      one.info = picture_header(*tree_.shared_files(), tree_.uri(one.picture->image));
      one.says = what_size_says(one.picture->parsed.size, one.info);
    });
    for (Turned& one : opened) {
      if (one.info.exif_orientation > 1) turned_.push_back(std::move(one));
    }
  }

  bool any(Says says) const {
    return std::any_of(turned_.begin(), turned_.end(),
                       [&](const Turned& turned) { return turned.says == says; });
  }

  // Stored sizes mean stored boxes: the tool ignored EXIF. But some programs write the stored size
  // with boxes drawn on the upright image; boxes that fit only that reveal it.
  bool sizes_mean_stored() const {
    std::size_t for_stored = 0, for_upright = 0;
    for (const Turned& turned : turned_) {
      if (turned.says != Says::kStored) continue;
      const ParsedPicture& parsed = turned.picture->parsed;
      if (parsed.boxes_upright) return false;
      std::vector<image::Box> boxes;
      for (const ParsedObject& object : parsed.objects) boxes.push_back(object.box);
      for_stored += count_fitting_only(boxes, parsed.size, swapped(parsed.size));
      for_upright += count_fitting_only(boxes, swapped(parsed.size), parsed.size);
    }
    return any(Says::kStored) && for_stored >= for_upright;
  }

  void decide(Turned& turned, bool stored) {
    const ParsedPicture& parsed = turned.picture->parsed;
    const int orientation = turned.info.exif_orientation;
    if (turned.says == Says::kStored) {
      const std::string said = fmt::format(
          "EXIF orientation {} rotates the image to {}, but the annotation has the stored size, {}",
          orientation, size_text(turned.info.upright_size()), size_text(parsed.size));
      if (stored) {
        report(turned, said + "; assuming boxes are on the stored pixels (--exif stored)",
               "boxes and size are rotated with the image");
        turn(turned);
      } else {
        report(turned, said + ", but boxes fit the upright one (--exif upright)",
               "the upright size is used");
        keep(turned);
      }
    } else if (turned.says == Says::kNothing && stored && !any(Says::kUpright)) {
      report(turned,
             fmt::format("EXIF orientation {} rotates the image; assuming boxes are on the stored "
                         "pixels, like other images in this dataset by their sizes (--exif stored)",
                         orientation),
             "boxes are rotated with the image");
      turn(turned);
    }
  }

  void report(const Turned& turned, std::string message, std::string repair) {
    const ParsedPicture& parsed = turned.picture->parsed;
    add_warning(source_.findings, "exif-orientation",
                parsed.place.empty() ? turned.picture->image : parsed.place, std::move(message),
                std::move(repair));
  }

  // Boxes are on the upright image.
  static void keep(Turned& turned) {
    image::Size& size = turned.picture->parsed.size;
    if (turned.says == Says::kStored) size = swapped(size);
  }

  // Boxes are on the stored image: in pixels of the annotation's size, if it has one.
  static void turn(Turned& turned) {
    ParsedPicture& parsed = turned.picture->parsed;
    const int orientation = turned.info.exif_orientation;
    if (turned.says == Says::kUpright) parsed.size = swapped(parsed.size);
    const bool fits = is_known(parsed.size) && same_shape(parsed.size, turned.info.size);
    const image::Size frame = fits ? parsed.size : turned.info.size;
    for (ParsedObject& object : parsed.objects) {
      object.box = media::turned_upright(object.box, frame, orientation);
    }
    parsed.size = media::upright_size(is_known(parsed.size) ? parsed.size : frame, orientation);
    turned.picture->turned = true;
  }

  const Tree& tree_;
  Source& source_;
  BoxPixels rule_;
  std::vector<Turned> turned_;
};

}  // namespace

std::size_t count_fitting_only(std::span<const image::Box> boxes, image::Size a, image::Size b) {
  return static_cast<std::size_t>(std::count_if(boxes.begin(), boxes.end(), [&](const auto& box) {
    return !is_past(box, a) && is_past(box, b);
  }));
}

void turn_upright(const Tree& tree, Source& source, BoxPixels rule) {
  if (!source.upright) {
    Turner(tree, source, rule).run();
  } else if (rule == BoxPixels::kStored) {
    throw Error(ErrorCode::kUsage, "--exif stored",
                "this dataset states that its boxes are on upright images", "remove --exif");
  }
}

}  // namespace oko::dataset
