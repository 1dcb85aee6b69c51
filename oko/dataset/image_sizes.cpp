#include "oko/dataset/image_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/dataset/format.h"

namespace oko::dataset {

std::string size_text(image::Size size) { return fmt::format("{}x{}", size.width, size.height); }

std::string mismatch_text(image::Size stated, image::Size real) {
  return fmt::format("the annotation says {}, the image is {}", size_text(stated), size_text(real));
}

bool same_shape(image::Size stated, image::Size real) {
  const double scale = static_cast<double>(real.width) / stated.width;
  return std::abs(stated.height * scale - real.height) <= std::max(1.0, scale);
}

SizeFit compare_sizes(image::Size stated, image::Size real) {
  if (!is_known(stated)) return SizeFit::kUnstated;
  if (stated == real) return SizeFit::kSame;
  if (same_shape(stated, real)) return SizeFit::kScaled;
  return same_shape({stated.height, stated.width}, real) ? SizeFit::kTurned : SizeFit::kOther;
}

media::PictureInfo picture_header(storage::Files& files, const std::string& name) {
  try {
    for (const std::uint64_t head : {4 << 10, 64 << 10}) {  // the second is past EXIF's thumbnail
      if (auto info = media::probe_head(files.read_part(name, 0, head))) return *std::move(info);
    }
    return media::probe(files.read(name));
  } catch (const Error&) {
    return {};
  }
}

std::string why_unreadable(storage::Files& files, const std::string& name) {
  try {
    media::decode(files.read(name), name);
  } catch (const Error& e) {
    return e.message();
  }
  return "the image size cannot be read";
}

image::Size picture_size(storage::Files& files, const std::string& name) {
  return picture_header(files, name).upright_size();
}

bool states_sizes(const Dataset& dataset) {
  const Format* format = find_format(dataset.format);
  return format != nullptr && format->holds.sizes;
}

void expect_stated_sizes(const Dataset& dataset) {
  if (!states_sizes(dataset)) return;
  std::vector<std::size_t> stated;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    if (is_known(dataset.samples[i].size)) stated.push_back(i);
  }
  constexpr int kAtOnce = 16;  // the threads wait for the disk or a bucket
  read_ahead(dataset, stated);
  std::vector<image::Size> real(stated.size());
  ThreadPool(kAtOnce).parallel_for(stated.size(), [&](std::size_t i) {
    real[i] = picture_size(*dataset.files, dataset.samples[stated[i]].image);
  });
  const auto differs = [&](std::size_t i) {
    return is_known(real[i]) && real[i] != dataset.samples[stated[i]].size;
  };
  std::size_t first = stated.size(), count = 0;
  for (std::size_t i = 0; i < stated.size(); ++i) {
    if (!differs(i)) continue;
    if (count++ == 0) first = i;
  }
  if (count == 0) return;
  const Sample& sample = dataset.samples[stated[first]];
  throw input_error(
      sample.image,
      mismatch_text(sample.size, real[first]) +
          (count == 1 ? "" : fmt::format("; {} of {} images differ", count, stated.size())),
      "oko data check " + dataset.uri + " --repair NEW writes a copy in which they agree");
}

void fill_sizes(Dataset& dataset, std::vector<Finding>* findings) {
  std::vector<std::size_t> soon;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    if (!is_known(dataset.samples[i].size)) soon.push_back(i);
  }
  if (soon.empty()) return;
  read_ahead(dataset, soon);
  for (const std::size_t i : soon) {
    Sample& sample = dataset.samples[i];
    sample.size = picture_size(*dataset.files, sample.image);
    if (is_known(sample.size)) continue;
    if (findings == nullptr) {
      throw input_error(sample.image, why_unreadable(*dataset.files, sample.image),
                        "oko data check " + dataset.uri + " lists every such image");
    }
    Finding& finding =
        add_error(*findings, kUnreadableImage, sample.image,
                  why_unreadable(*dataset.files, sample.image), "the image is dropped");
    finding.images_lost = 1;
    finding.boxes_lost = static_cast<int>(sample.objects.size());
  }
  if (findings != nullptr) {
    std::erase_if(dataset.samples, [&](const Sample& sample) { return !is_known(sample.size); });
  }
}

}  // namespace oko::dataset
