#include "oko/dataset/read.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/dataset/assemble.h"
#include "oko/dataset/coco.h"
#include "oko/dataset/create_ml.h"
#include "oko/dataset/in_no_split.h"
#include "oko/dataset/keras_list.h"
#include "oko/dataset/recognise.h"
#include "oko/dataset/shards.h"
#include "oko/dataset/unread.h"
#include "oko/dataset/upright.h"
#include "oko/dataset/voc.h"
#include "oko/dataset/yolo_txt.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

Source read_source(const Tree& tree, const std::string& format, BoxPixels exif) {
  if (format == "voc") return read_voc(tree);
  if (format == "coco") return read_coco(tree);
  if (format == "yolo") return read_yolo(tree, exif);
  if (format == "keras") return read_keras_list(tree);
  if (format == "createml") return read_create_ml(tree);
  if (format == "shards") return read_shards(tree);
  throw Error(ErrorCode::kUsage, tree.root(), "no format \"" + format + "\"",
              fmt::format("known formats: {}", fmt::join(format_names(), ", ")));
}

Error nothing_left(const Dataset& dataset, const std::string& uri,
                   const std::vector<Finding>& findings) {
  std::string why;
  const Finding* first = nullptr;  // of the gravest
  std::ptrdiff_t count = 0;
  for (const Finding& finding : findings) {
    if (first == nullptr || finding.severity < first->severity) {
      first = &finding;
      count = 0;
    }
    count += finding.severity == first->severity ? 1 : 0;
  }
  if (first != nullptr) {
    why = fmt::format("; the first of {} reasons: {}: {}", count, first->place, first->message);
  }
  return input_error(uri,
                     fmt::format("no image of this {} dataset can be used{}", dataset.format, why));
}

}  // namespace

void throw_first_error(const std::vector<Finding>& findings, const std::string& uri) {
  for (const Finding& finding : findings) {
    if (finding.severity != Finding::Severity::kError) continue;
    throw input_error(finding.place, finding.message,
                      "oko data check " + uri + " lists everything");
  }
}

Dataset read(const std::string& uri, const ReadOptions& options, std::vector<Finding>* findings) {
  const Tree tree(uri);
  std::vector<Finding> found;
  const std::string format = options.format.empty() ? recognise(tree) : options.format;
  Source source = read_source(tree, format, options.exif);
  tell_in_no_split(source);
  report_unread(tree, source);
  for (const std::string& folder : tree.class_folders()) {
    add_note(
        source.findings, "class-folder", folder,
        "is named like a split but is among folders that are not splits, so it is not used as one");
  }
  turn_upright(tree, source, options.exif);
  Dataset dataset = assemble(tree, std::move(source), options, found);
  if (findings) {
    findings->insert(findings->end(), found.begin(), found.end());
  } else {
    throw_first_error(found, uri);
  }
  if (dataset.samples.empty()) throw nothing_left(dataset, uri, found);
  return dataset;
}

std::optional<BoxPixels> box_pixels_named(std::string_view name) {
  if (name == "auto") return BoxPixels::kAuto;
  if (name == "upright") return BoxPixels::kUpright;
  if (name == "stored") return BoxPixels::kStored;
  return std::nullopt;
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

void expect_stated_sizes(const Dataset& dataset) {
  const bool states_sizes =
      dataset.format == "voc" || dataset.format == "coco" || dataset.format == "shards";
  if (!states_sizes) return;
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
      fmt::format("the annotation says {}, the picture is {}{}", size_text(sample.size),
                  size_text(real[first]),
                  count == 1 ? "" : fmt::format("; {} of {} images differ", count, stated.size())),
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
        add_error(*findings, "unreadable-image", sample.image,
                  why_unreadable(*dataset.files, sample.image), "the image is dropped");
    finding.images_lost = 1;
    finding.boxes_lost = static_cast<int>(sample.objects.size());
  }
  if (findings != nullptr) {
    std::erase_if(dataset.samples, [&](const Sample& sample) { return !is_known(sample.size); });
  }
}

}  // namespace oko::dataset
