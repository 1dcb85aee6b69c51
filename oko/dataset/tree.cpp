#include "oko/dataset/tree.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "oko/base/error.h"
#include "oko/dataset/split_words.h"
#include "oko/dataset/text.h"
#include "oko/dataset/unicode.h"
#include "oko/dataset/voc.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

// The stem of an image path, whose extension may be missing ("a.1" is a name without one).
std::string image_stem(const std::string& path) {
  return is_picture_extension(storage::extension(path)) ? storage::stem(path)
                                                        : storage::filename(path);
}

// Next to split folders these are not classes: what is kept for later, or was derived from the
// dataset.
bool is_side_folder(std::string_view name) {
  constexpr std::array<std::string_view, 23> kSide{"imagesets",
                                                   "segmentationclass",
                                                   "segmentationobject",
                                                   "raw",
                                                   "original",
                                                   "originals",
                                                   "unlabeled",
                                                   "unlabelled",
                                                   "background",
                                                   "negative",
                                                   "negatives",
                                                   "backgrounds",
                                                   "extra",
                                                   "unsplit",
                                                   "runs",
                                                   "results",
                                                   "output",
                                                   "samples",
                                                   "predictions",
                                                   "detections",
                                                   "previews",
                                                   "preview",
                                                   "backup"};
  return is_usual_folder(name) || std::find(kSide.begin(), kSide.end(), lower(name)) != kSide.end();
}

// What `find` gives for the first spelling of a written path for which it gives anything: its bytes
// as they are, Unicode's form C, "%20" as a blank.
template <typename Find>
std::string first_found(const std::string& written, Find find) {
  std::vector<std::string> tried;
  for (const std::string& spelling : {written, percent_decoded(written)}) {
    for (std::string form : {spelling, composed(spelling)}) {
      if (std::find(tried.begin(), tried.end(), form) != tried.end()) continue;
      if (std::string found = find(form); !found.empty()) return found;
      tried.push_back(std::move(form));
    }
  }
  return "";
}

bool is_hidden(std::string_view path) {
  return path.starts_with('.') || path.find("/.") != std::string_view::npos ||
         path.find("__MACOSX/") != std::string_view::npos;
}

}  // namespace

Tree::Tree(const std::string& uri)
    : root_(storage::is_local(uri) ? storage::Uri(uri).path() : uri) {
  const auto entry = storage::stat(root_);
  if (!entry) throw input_error(uri, "there is no such dataset", "check the name");
  if (entry->is_folder) {
    while (root_.size() > 1 && root_.ends_with('/')) root_.pop_back();
  } else {
    file_ = storage::filename(root_);
    root_ = storage::parent(root_);
    if (is_annotations_folder(storage::filename(root_))) {
      file_ = storage::filename(root_) + "/" + file_;
      root_ = storage::parent(root_);
    }
    if (root_.empty()) root_ = std::string(".");
    listed_ = storage::extension(file_) != ".txt" || !storage::is_local(root_);
  }
  name_ = storage::filename(root_);
  if (storage::is_local(root_)) {
    std::error_code error;
    const auto whole = std::filesystem::canonical(root_, error);
    if (!error) name_ = whole.filename().string();
  }
  name_ = composed(name_);
  if (listed_) list();
  if (!file_.empty()) file_ = names_.name_of(file_);
}

void Tree::list() {
  const auto relative = [&](const std::string& uri) {
    std::string path = uri.substr(root_.size());
    while (path.starts_with('/')) path.erase(0, 1);
    return path;
  };
  for (const storage::Entry& found : storage::list(root_, true, &skipped_)) {
    std::string path = relative(found.uri);
    if (is_hidden(path)) continue;
    if (storage::extension(path) == ".tar") shards_.emplace(path, found);
    files_.push_back(std::move(path));
    shared_files_->add(found);
  }
  names_.rename(files_);
  for (storage::Skipped& one : skipped_) one.uri = relative(one.uri);
  std::erase_if(skipped_, [](const storage::Skipped& one) { return is_hidden(one.uri); });
  std::sort(files_.begin(), files_.end());
  for (const std::string& path : files_) {
    if (!is_picture_extension(storage::extension(path))) continue;
    pictures_.push_back(path);
    pictures_by_stem_[storage::stem(path)].push_back(path);
    for (const std::string_view folder : folders_of(path)) picture_folders_.emplace(folder);
  }
  for (const std::string& path : files_) {
    const std::string extension = storage::extension(path);
    const bool is_annotation = extension == ".xml" || extension == ".json" ||
                               (extension == ".txt" && has_picture_called(storage::stem(path)));
    if (is_annotation || is_picture_extension(extension)) add_to_folders(path, is_annotation);
  }
}

void Tree::add_to_folders(const std::string& path, bool is_annotation) {
  std::string parent;
  const auto folders = folders_of(path);
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const std::string name(folders[i]);
    Way& way = folders_[parent][name];
    way.directly = way.directly || i + 1 == folders.size();
    way.annotated = way.annotated || is_annotation;
    parent += (parent.empty() ? "" : "/") + name;
  }
}

bool Tree::has_picture_called(const std::string& stem) const {
  return pictures_by_stem_.contains(composed(stem));
}

std::string Tree::split_of(const std::string& path) const {
  std::string parent;
  for (const std::string_view name : folders_of(path)) {
    const std::string folder = parent + (parent.empty() ? "" : "/") + std::string(name);
    const std::string split = split_of_folder(name);
    if (!split.empty() && names_splits(parent)) return split;
    if (!split.empty()) class_folders_.insert(folder);
    parent = folder;
  }
  return "";
}

// Whether subfolders named like splits are splits: several different ones are, and a single one if
// no other folder next to it contains images in the same way.
bool Tree::names_splits(const std::string& parent) const {
  const auto known = names_splits_.find(parent);
  if (known != names_splits_.end()) return known->second;
  std::set<std::string> splits;
  std::set<Way> split_ways, other_ways;
  if (const auto found = folders_.find(parent); found != folders_.end()) {
    for (const auto& [name, way] : found->second) {
      const std::string split = split_of_folder(name);
      if (!split.empty()) splits.insert(split);
      if (split.empty() && is_side_folder(name)) continue;
      (split.empty() ? other_ways : split_ways).insert(way);
    }
  }
  const bool alike = std::any_of(split_ways.begin(), split_ways.end(),
                                 [&](const Way& way) { return other_ways.contains(way); });
  return names_splits_[parent] = splits.size() > 1 || !alike;
}

std::string Tree::in_any_case(const std::string& path) const {
  if (has(path) || !listed_) return has(path) ? path : "";
  const auto key_of = [&](const std::string& file) {
    const std::string name = storage::filename(file);
    return storage::join(lower(storage::parent(file)),
                         names_.has_both_forms(file) ? name : composed(name));
  };
  if (by_key_.empty()) {
    for (const std::string& file : files_) by_key_[key_of(file)].push_back(file);
  }
  const auto found = by_key_.find(key_of(path));
  return found == by_key_.end() || found->second.size() > 1 ? "" : found->second.front();
}

std::string Tree::uri(const std::string& path) const {
  return storage::join(root_, listed_ ? names_.on_disk(path) : spelled_on_disk(root_, path));
}

Bytes Tree::read(const std::string& path) const { return shared_files_->read(uri(path)); }

Text Tree::look_at(const std::string& path) const {
  try {
    return Text(read(path), path);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInput) throw;
    return Text(Bytes(), path);
  }
}

Bytes Tree::start_of(const std::string& path) const {
  constexpr std::uint64_t kStart = 64 << 10;
  return shared_files_->read_part(uri(path), 0, kStart);
}

Text Tree::read_text(const std::string& path) const {
  read_.insert(path);
  Text text(read(path), path);
  if (!text.detected().empty()) guessed_.emplace(path, text.detected());
  return text;
}

void Tree::read_ahead(const std::vector<std::string>& paths) const {
  std::vector<std::string> names;
  for (const std::string& path : paths) names.push_back(uri(path));
  shared_files_->read_ahead(std::move(names));
}

bool Tree::has(const std::string& path) const {
  if (!listed_) return storage::exists(uri(path));
  return std::binary_search(files_.begin(), files_.end(), path);
}

std::vector<std::string> Tree::with_extension(std::string_view extension) const {
  std::vector<std::string> found;
  std::copy_if(files_.begin(), files_.end(), std::back_inserter(found),
               [&](const std::string& path) { return storage::extension(path) == extension; });
  return found;
}

std::string Tree::find_picture(const std::string& written, const std::string& near,
                               const std::string& split) const {
  return first_found(
      written, [&](const std::string& spelling) { return find_written(spelling, near, split); });
}

std::string Tree::find_written(const std::string& written, const std::string& near,
                               const std::string& split) const {
  const std::string path = plain_path(written), folder = storage::parent(near);
  const auto fits = [&](const std::string& image) {
    const std::string there = split_of(image);
    return split.empty() || there.empty() || there == split;
  };
  for (const std::string& exact : {plain_path(storage::join(folder, written)), path}) {
    const bool says_folder = path.find('/') != std::string::npos;
    if (is_picture_extension(storage::extension(exact)) && has(exact) &&
        (says_folder || fits(exact))) {
      return exact;
    }
  }
  const auto named = pictures_by_stem_.find(image_stem(path));
  if (named == pictures_by_stem_.end()) return "";
  std::vector<std::string> left = named->second;
  std::erase_if(left, [&](const std::string& image) { return !fits(image); });
  const bool own_images = !folder.empty() && has_pictures_in(folder);
  if (own_images) {
    std::erase_if(left, [&](const std::string& image) { return !image.starts_with(folder + "/"); });
  }
  const auto keep_best = [&](auto score) {
    std::size_t best = 0;
    for (const std::string& image : left) best = std::max<std::size_t>(best, score(image));
    std::erase_if(left, [&](const std::string& image) { return score(image) < best; });
  };
  keep_best([&](const std::string& image) { return common_ending(image, path); });
  keep_best([&](const std::string& image) { return split_of(image) == split ? 1U : 0U; });
  keep_best([&](const std::string& image) { return shared_folders(image, near); });
  keep_best([&](const std::string& image) {
    return storage::filename(image) == storage::filename(path) ? 1U : 0U;
  });
  if (left.size() != 1 || contradicts(left.front(), written)) return "";
  return left.front();
}

// Whether a path names a folder other than the image's: a relative one does, and one from another
// machine if a folder of that name here contains images.
bool Tree::contradicts(const std::string& image, const std::string& written) const {
  const std::string path = plain_path(written);
  const auto folders = folders_of(path);
  return !folders.empty() && common_ending(image, path) < 2 && !is_usual_folder(folders.back()) &&
         (!is_foreign_path(written) || picture_folders_.contains(folders.back()));
}

std::string Tree::could_be(const std::string& written) const {
  const auto named = pictures_by_stem_.find(image_stem(normal_path(written)));
  if (named == pictures_by_stem_.end() || named->second.size() < 2) return "";
  return ": " + named->second[0] + " or " + named->second[1] + " could be meant";
}

const storage::Entry* Tree::shard(const std::string& path) const {
  const auto found = shards_.find(names_.on_disk(path));
  return found == shards_.end() ? nullptr : &found->second;
}

bool Tree::has_folder(const std::string& path) const {
  if (!listed_) return false;
  const std::string start = path + "/";
  const auto first = std::lower_bound(files_.begin(), files_.end(), start);
  return path.empty() || (first != files_.end() && first->starts_with(start));
}

bool Tree::has_pictures_in(const std::string& folder) const {
  const std::string start = folder + "/";
  const auto first = std::lower_bound(pictures_.begin(), pictures_.end(), start);
  return first != pictures_.end() && first->starts_with(start);
}

std::vector<std::string> Tree::pictures_in(const std::string& folder) const {
  if (folder.empty()) return pictures_;
  const std::string start = folder + "/";
  const auto first = std::lower_bound(pictures_.begin(), pictures_.end(), start);
  const auto last = std::find_if_not(
      first, pictures_.end(), [&](const std::string& path) { return path.starts_with(start); });
  return {first, last};
}

std::string Tree::find_path(const std::string& written, const std::string& folder) const {
  return first_found(
      written, [&](const std::string& spelling) { return find_path_written(spelling, folder); });
}

std::string Tree::find_path_written(const std::string& written, const std::string& folder) const {
  if (!listed_ && written.starts_with('/')) {
    std::string there = spelled_on_disk("", written);
    return storage::exists(there) ? there : "";
  }
  const std::string path = plain_path(written);
  if (path.empty()) return "";
  const bool foreign = is_foreign_path(written);
  if (const std::string beside = plain_path(storage::join(folder, written));
      !path.starts_with('/') && has(beside)) {
    return beside;
  }
  // From a folder above this one.
  const std::string own = name_ + "/";
  for (auto at = name_.empty() ? name_.npos : path.find(own); at != std::string::npos;
       at = path.find(own, at + 1)) {
    const std::string rest = path.substr(at + own.size());
    if ((at == 0 || path[at - 1] == '/') && has(rest)) return rest;
  }
  for (std::string rest = path;;) {
    if (!rest.starts_with('/') && has(rest)) return contradicts(rest, written) ? "" : rest;
    const auto slash = rest.find('/');
    if (slash == std::string::npos) return "";
    if (!foreign && !is_usual_folder(rest.substr(0, slash))) return "";
    rest.erase(0, slash + 1);
  }
}

}  // namespace oko::dataset
