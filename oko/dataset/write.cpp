#include "oko/dataset/write.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <span>

#include "oko/base/class_list.h"
#include "oko/base/error.h"
#include "oko/base/file_name.h"
#include "oko/base/text.h"
#include "oko/base/threads.h"
#include "oko/dataset/fit.h"
#include "oko/dataset/format.h"
#include "oko/dataset/image_sizes.h"
#include "oko/dataset/text.h"
#include "oko/dataset/unicode.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

// Writing is bound by the disk (or a bucket) rather than the processor.
constexpr int kWritersAtOnce = 8;

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

class Writer {
 public:
  Writer(const Dataset& dataset, const std::string& folder, const Format& format)
      : dataset_(dataset), folder_(folder), format_(format), layout_(format.layout), out_(folder) {
    splits_ = split_names(dataset_);
    for (const std::string& split : splits_) check_split(split);
    expect_different_lists();
    check_classes();
    items_.reserve(dataset_.samples.size());
    for (const Sample& sample : dataset_.samples) {
      items_.push_back({&sample, unique_name(sample.id), split_folder(sample.split), {}});
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
    progress.begin(fmt::format("writing {}", format_.name), items_.size(), "images");
    std::mutex mutex;
    ThreadPool pool(kWritersAtOnce);
    pool.parallel_for(items_.size(), [&](std::size_t i) {
      NewSample& item = items_[i];
      const PictureFile file = pictures(*item.sample);
      item.picture = storage::join(picture_folder(item), item.name + file.extension);
      put(item.picture, file.content.span());
      if (layout_.of_sample) put(layout_.of_sample(item, dataset_));
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
  void put(const AnnotationFile& file) {
    if (!file.path.empty()) put(file.path, file.text);
  }

  // A name that the format cannot represent must not be changed silently.
  void check_classes() const {
    std::set<std::string> names;
    for (const std::string& name : dataset_.classes) {
      if (!is_valid_utf8(name)) {
        throw input_error(dataset_.uri, "the class name \"" + name + "\" is not UTF-8",
                          "save the class list or annotations as UTF-8");
      }
      if (name.empty() || (!layout_.holds_blank_classes && trimmed(name).empty())) {
        throw input_error(dataset_.uri, "the class name \"" + name + "\" is blank",
                          fmt::format("rename it: {} cannot store it", format_.title));
      }
      if (!names.insert(name).second) {
        throw input_error(dataset_.uri, "class \"" + name + "\" is listed twice",
                          "rename one of them");
      }
    }
    if (layout_.class_list) class_list();
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
      const std::string name = split.empty() ? layout_.unsplit : split;
      if (names.insert(folded(name)).second) continue;
      throw input_error(
          dataset_.uri, "two files would be written for the split \"" + name + "\"",
          fmt::format("rename the split: \"classes\" and \"{}\" are reserved, and case is ignored",
                      layout_.unsplit));
    }
  }

  // Whether the dataset has splits; images without one then go into folders named "unsplit".
  bool has_splits() const { return splits_.size() > 1 || !splits_.front().empty(); }
  std::string split_folder(const std::string& split) const {
    if (!has_splits()) return "";
    return split.empty() ? "unsplit" : split;
  }

  std::string picture_folder(const NewSample& sample) const {
    return layout_.pictures_by_split ? storage::join(layout_.pictures, sample.folder)
                                     : layout_.pictures;
  }

  // Ids may be paths, and too long for a file name.
  std::string unique_name(const std::string& id) {
    constexpr std::size_t kLongest = kLongestFileName - std::string_view(".webp").size();
    std::string base = file_name_from(listable(id), kLongest);
    if (!layout_.holds_blanks) std::replace(base.begin(), base.end(), ' ', '_');
    std::string name = base;
    for (int n = 2; !names_.insert(folded(name)).second; ++n) {
      const std::string number = fmt::format("_{}", n);
      name = file_name_from(base, kLongest - number.size()) + number;
    }
    return name;
  }

  std::string class_list() const { return class_list_text(dataset_.classes, folder_); }

  void write_lists() {
    if (layout_.of_split) {
      for (const std::string& split : splits_) {
        NewSplit part{split, split_folder(split), {}};
        std::ranges::copy_if(items_, std::back_inserter(part.samples),
                             [&](const NewSample& item) { return item.sample->split == split; });
        put(layout_.of_split(part, dataset_));
      }
    }
    if (layout_.of_dataset) put(layout_.of_dataset(dataset_));
    if (layout_.class_list) put(layout_.class_list, class_list());
  }

  const Dataset& dataset_;
  std::string folder_;
  const Format& format_;
  const Layout& layout_;
  NewDataset out_;
  std::vector<std::string> splits_;
  std::vector<NewSample> items_;
  std::set<std::string> names_;  // of items, folded
};

}  // namespace

void write(const Dataset& dataset, const std::string& folder, const std::string& format,
           Progress& progress) {
  write(dataset, folder, format, progress, stored_pictures(dataset));
}

void write(const Dataset& dataset, const std::string& folder, const std::string& format,
           Progress& progress, const PictureFiles& pictures) {
  const Format& known = format_named(format, folder);
  if (known.write) {
    known.write(dataset, folder, progress, pictures);
    return;
  }
  if (dataset.samples.empty()) {
    throw Error(ErrorCode::kUsage, dataset.uri, "there are no images to write");
  }
  Dataset sized = dataset;
  fill_sizes(sized);
  const Fitted made = fitted(std::move(sized), format);
  Writer writer(made.data, folder, known);
  read_ahead(made.data);
  writer.write(progress, pictures);
}

}  // namespace oko::dataset
