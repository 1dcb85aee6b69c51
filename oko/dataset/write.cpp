#include "oko/dataset/write.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <span>

#include "oko/base/class_list.h"
#include "oko/base/error.h"
#include "oko/base/file_name.h"
#include "oko/base/text.h"
#include "oko/base/threads.h"
#include "oko/dataset/coco.h"
#include "oko/dataset/create_ml.h"
#include "oko/dataset/fit.h"
#include "oko/dataset/image_sizes.h"
#include "oko/dataset/keras_list.h"
#include "oko/dataset/pack.h"
#include "oko/dataset/recognise.h"
#include "oko/dataset/text.h"
#include "oko/dataset/unicode.h"
#include "oko/dataset/voc.h"
#include "oko/dataset/yolo_txt.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

// Writing is bound by the disk (or a bucket) rather than the processor.
constexpr int kWritersAtOnce = 8;

// One sample to write: the path of its image, relative to the new folder.
struct Item {
  const Sample* sample = nullptr;
  std::string name;  // of its files, without extension
  std::string picture;
};

std::string join(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

// Lists and annotation files are UTF-8, and their readers strip blanks at the ends of a name.
std::string listable(std::string_view id) {
  std::string name;
  while (!id.empty()) {
    const CodePoint point = first_code_point(id);
    name += point.valid ? point.bytes : "_";
    id.remove_prefix(point.bytes.size());
  }
  if (name.starts_with(' ')) name.front() = '_';
  if (name.ends_with(' ')) name.back() = '_';
  return name;
}

const std::string& known(const std::string& format, const std::string& folder) {
  const auto& names = format_names();
  if (std::find(names.begin(), names.end(), format) != names.end()) return format;
  throw Error(ErrorCode::kUsage, folder, "no format \"" + format + "\"",
              fmt::format("known formats: {}", fmt::join(names, ", ")));
}

class Writer {
 public:
  Writer(const Dataset& dataset, const std::string& folder, const std::string& format)
      : dataset_(dataset), folder_(folder), format_(known(format, folder)), out_(folder_) {
    splits_ = split_names(dataset_);
    for (const std::string& split : splits_) check_split(split);
    expect_different_lists();
    check_classes();
    items_.reserve(dataset_.samples.size());
    for (const Sample& sample : dataset_.samples) {
      items_.push_back({&sample, unique_name(sample.id), {}});
    }
  }

  void write(Progress& progress, const PictureFiles& pictures) {
    out_.fill([&] {
      write_pictures(progress, pictures);
      write_lists();
    });
  }

 private:
  void write_pictures(Progress& progress, const PictureFiles& pictures) {
    progress.begin("writing " + format_, items_.size(), "images");
    std::mutex mutex;
    ThreadPool pool(kWritersAtOnce);
    pool.parallel_for(items_.size(), [&](std::size_t i) {
      Item& item = items_[i];
      const PictureFile file = pictures(*item.sample);
      item.picture = join(picture_folder(item.sample->split), item.name + file.extension);
      put(item.picture, file.content.span());
      write_own_annotation(item);
      const std::lock_guard lock(mutex);
      progress.advance();
    });
    progress.end();
  }

  void put(const std::string& name, std::span<const std::byte> content) {
    out_.add(name);
    storage::write(out_.path(name), content);
  }
  void put(const std::string& name, std::string_view text) {
    put(name, std::as_bytes(std::span(text)));
  }

  // A name that the format cannot represent must not be changed silently.
  void check_classes() const {
    std::set<std::string> names;
    for (const std::string& name : dataset_.classes) {
      if (!is_valid_utf8(name)) {
        throw input_error(dataset_.uri, "the class name \"" + name + "\" is not UTF-8",
                          "save the class list or annotations as UTF-8");
      }
      // COCO alone reads blanks as a name.
      if (name.empty() || (format_ != "coco" && trimmed(name).empty())) {
        throw input_error(dataset_.uri, "the class name \"" + name + "\" holds nothing but blanks",
                          "rename it: a " + format_ + " dataset cannot hold it");
      }
      if (!names.insert(name).second) {
        throw input_error(dataset_.uri, "class \"" + name + "\" is listed twice",
                          "rename one of them");
      }
    }
    if (format_ != "yolo" && format_ != "coco") class_list();
  }

  void check_split(const std::string& split) const {
    if (split.empty()) return;
    checked_file_name(split, dataset_.uri, "the split");
    if (split.front() == '.') {
      throw input_error(dataset_.uri, "the split \"" + split + "\" would be a hidden folder",
                        "rename it");
    }
  }

  // Names of files that exist once or once per split, where names that differ only in case may
  // clash.
  void expect_different_lists() const {
    std::set<std::string> names{"classes"};
    for (const std::string& split : splits_) {
      const std::string name = format_ == "keras" && split.empty() ? "list" : split_folder(split);
      if (name.empty() || names.insert(folded(name)).second) continue;
      throw input_error(
          dataset_.uri, "two files would be written for the split \"" + name + "\"",
          "rename a split: here none can be named list, classes or unsplit, and case is ignored");
    }
  }

  // Whether the dataset has splits; images without one then go into folders named "unsplit".
  bool has_splits() const { return splits_.size() > 1 || !splits_.front().empty(); }
  std::string split_folder(const std::string& split) const {
    if (!has_splits()) return "";
    return split.empty() ? "unsplit" : split;
  }

  std::string picture_folder(const std::string& split) const {
    if (format_ == "voc") return "JPEGImages";
    if (format_ == "createml") return split_folder(split);
    return split_folder(split).empty() ? "images" : "images/" + split_folder(split);
  }

  // Ids may be paths, and too long for a file name. Other readers of a train list end a path at the
  // first blank.
  std::string unique_name(const std::string& id) {
    constexpr std::size_t kLongest = kLongestFileName - std::string_view(".webp").size();
    std::string base = file_name_from(listable(id), kLongest);
    if (format_ == "keras") std::replace(base.begin(), base.end(), ' ', '_');
    std::string name = base;
    for (int n = 2; !names_.insert(folded(name)).second; ++n) {
      const std::string number = fmt::format("_{}", n);
      name = file_name_from(base, kLongest - number.size()) + number;
    }
    return name;
  }

  std::string class_list() const { return class_list_text(dataset_.classes, folder_); }

  // For formats with one file per image.
  void write_own_annotation(const Item& item) {
    if (format_ == "voc") {
      put("Annotations/" + item.name + ".xml",
          voc_text(*item.sample, dataset_.classes, storage::filename(item.picture)));
    } else if (format_ == "yolo") {
      const std::string folder = join("labels", split_folder(item.sample->split));
      put(join(folder, item.name + ".txt"), yolo_labels_text(*item.sample));
    }
  }

  // Files that exist once, or once per split.
  void write_lists() {
    if (format_ == "yolo") {
      std::vector<std::string> named = splits_;
      std::erase(named, "");
      put("data.yaml", data_yaml_text(dataset_.classes, named, dataset_.same_splits));
      return;
    }
    for (const std::string& split : splits_) {
      std::vector<Item> part;
      std::copy_if(items_.begin(), items_.end(), std::back_inserter(part),
                   [&](const Item& item) { return item.sample->split == split; });
      if (format_ == "voc") {
        write_ids(split, part);
      } else {
        write_list(split, part);
      }
    }
    if (format_ != "coco") {
      put(format_ == "voc" ? "classes.names" : "classes.txt", class_list());
    }
  }

  void write_ids(const std::string& split, const std::vector<Item>& items) {
    if (split.empty()) return;
    std::string list;
    for (const Item& item : items) list += item.name + "\n";
    put("ImageSets/Main/" + split + ".txt", list);
  }

  // Formats with one annotation file for all pictures of a split.
  void write_list(const std::string& split, const std::vector<Item>& items) {
    std::vector<const Sample*> samples;
    std::vector<std::string> pictures;
    for (const Item& item : items) {
      samples.push_back(item.sample);
      pictures.push_back(format_ == "keras" ? item.picture : storage::filename(item.picture));
    }
    if (format_ == "coco") {
      const std::string name = split.empty() ? "instances" : "instances_" + split;
      put("annotations/" + name + ".json", coco_text(samples, pictures, dataset_.classes));
    } else if (format_ == "keras") {
      put((split.empty() ? "list" : split) + ".txt", keras_list_text(samples, pictures));
    } else {
      put(join(split_folder(split), "_annotations.createml.json"),
          create_ml_text(samples, pictures, dataset_.classes));
    }
  }

  const Dataset& dataset_;
  std::string folder_, format_;
  NewDataset out_;
  std::vector<std::string> splits_;
  std::vector<Item> items_;
  std::set<std::string> names_;  // of items, folded
};

}  // namespace

void write(const Dataset& dataset, const std::string& folder, const std::string& format,
           Progress& progress) {
  write(dataset, folder, format, progress, stored_pictures(dataset));
}

void write(const Dataset& dataset, const std::string& folder, const std::string& format,
           Progress& progress, const PictureFiles& pictures) {
  if (format == "shards") {
    pack(dataset, folder, {}, progress, pictures);
    return;
  }
  if (dataset.samples.empty()) {
    throw Error(ErrorCode::kUsage, dataset.uri, "there are no images to write");
  }
  Dataset sized = dataset;
  fill_sizes(sized);
  const Fitted made = fitted(std::move(sized), format);
  Writer writer(made.data, folder, format);
  read_ahead(made.data);
  writer.write(progress, pictures);
}

}  // namespace oko::dataset
