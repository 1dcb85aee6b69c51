#pragma once

#include <compare>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/dataset/disk_names.h"
#include "oko/dataset/encoding.h"
#include "oko/dataset/paths.h"
#include "oko/media/picture.h"
#include "oko/storage/files/files.h"

namespace oko::dataset {

// The files of a dataset's folder (or the one file a dataset was named by), as relative paths.
class Tree {
 public:
  // Throws an input Error where nothing is at `uri`. The root of a file in a folder "annotations"
  // is that folder's parent. Beside a .txt list on this disk nothing is listed: its paths may lead
  // anywhere.
  explicit Tree(const std::string& uri);

  const std::string& root() const { return root_; }  // the folder
  const std::string& name() const { return name_; }  // of that folder, even if it was given as .
  const std::string& file() const { return file_; }  // relative name of the one file, or ""
  // The URI of a relative path as spelled on the disk: paths here are UTF-8 in Unicode's form C.
  std::string uri(const std::string& path) const;
  const DiskNames& disk_names() const { return names_; }
  bool has(const std::string& path) const;
  Bytes read(const std::string& path) const;      // a file, memory-mapped if it is local
  Text read_text(const std::string& path) const;  // the same as UTF-8; was_read() from now on
  // To recognize a file: empty if it is not text in any encoding.
  Text look_at(const std::string& path) const;
  Bytes start_of(const std::string& path) const;  // at most its first 64 KiB
  // Whether a reader read a file by read_text(), or deliberately skipped it.
  bool was_read(const std::string& path) const { return read_.contains(path); }
  void set_aside(const std::string& path) const { read_.insert(path); }
  // Files whose encoding was guessed by read_text(), with the guess.
  const std::map<std::string, std::string>& guessed_encodings() const { return guessed_; }
  // Starts to prefetch these from a bucket; they will be read soon, in this order.
  void read_ahead(const std::vector<std::string>& paths) const;
  // As they were listed, for reading images later; their names are uri(path).
  const std::shared_ptr<storage::Files>& shared_files() const { return shared_files_; }

  bool is_listed() const { return listed_; }
  // Relative paths that are neither files nor folders, and broken or circular links.
  const std::vector<storage::Skipped>& skipped() const { return skipped_; }
  const std::vector<std::string>& files() const { return files_; }            // sorted
  const std::vector<std::string>& pictures() const { return pictures_; }      // sorted
  std::vector<std::string> with_extension(std::string_view extension) const;  // ".xml", sorted

  // The image that the annotation file `near` refers to as `written`, with any known extension.
  // Never a guess between several: an image at exactly that path, next to `near` or below the root;
  // else the one of that name whose folders match the end of the written ones, in a folder of
  // `split` if that is given, and below `near`'s own folder if that has images. A relative path
  // with a different folder does not match. "%20" is a blank if there is no literal match, and a
  // name is one in another form of Unicode. "" if there is none, or more than one.
  std::string find_picture(const std::string& written, const std::string& near,
                           const std::string& split = {}) const;
  // ": a/1.jpg or b/1.jpg could be meant" if that is why there is none, else "".
  std::string could_be(const std::string& written) const;

  // The split named by a folder of a path, or "": a folder "train" among other folders with images
  // that are not splits ("bus", "boat") is not a split. See class_folders().
  std::string split_of(const std::string& path) const;
  // Folders that are named like a split but rejected by split_of().
  const std::set<std::string>& class_folders() const { return class_folders_; }
  // The file of this name in this folder, in any case; "" if there is none, or several.
  std::string in_any_case(const std::string& path) const;
  // Whether an image has this name, without extension, in any folder.
  bool has_picture_called(const std::string& stem) const;

  // A .tar file as it was listed; null if there is none.
  const storage::Entry* shard(const std::string& path) const;

  bool has_folder(const std::string& path) const;
  // Whether a folder of this name is part of an image's path.
  bool has_picture_folder(std::string_view name) const { return picture_folders_.contains(name); }
  std::vector<std::string> pictures_in(const std::string& folder) const;  // at any depth

  // Resolves a path as written in some file (other machines' folders, backslashes, "./"): relative
  // to `folder` or the root, also if it is relative to a folder above the root. From a path that
  // points outside (is_foreign_path()) leading folders are stripped until it exists, from others
  // only generic ones ("images"). "" if there is none.
  std::string find_path(const std::string& written, const std::string& folder) const;

 private:
  void list();
  std::string find_written(const std::string& written, const std::string& near,
                           const std::string& split) const;
  std::string find_path_written(const std::string& written, const std::string& folder) const;
  bool has_pictures_in(const std::string& folder) const;
  void add_to_folders(const std::string& path, bool is_annotation);
  bool names_splits(const std::string& parent) const;
  bool contradicts(const std::string& image, const std::string& written) const;

  std::string root_, name_, file_;
  mutable std::map<std::string, std::string> guessed_;
  mutable std::set<std::string, std::less<>> read_;
  // How a folder contains images or annotations.
  struct Way {
    bool directly = false;   // in itself, not only in folders below
    bool annotated = false;  // there are annotations
    auto operator<=>(const Way&) const = default;
  };
  // For each folder, its subfolders that contain images or annotations.
  std::map<std::string, std::map<std::string, Way>, std::less<>> folders_;
  mutable std::map<std::string, bool, std::less<>> names_splits_;  // memoized results
  mutable std::set<std::string> class_folders_;
  mutable std::map<std::string, std::vector<std::string>> by_key_;  // filled on first use
  bool listed_ = true;
  std::shared_ptr<storage::Files> shared_files_ = std::make_shared<storage::Files>();
  DiskNames names_;
  std::vector<storage::Skipped> skipped_;
  std::vector<std::string> files_, pictures_;
  std::map<std::string, std::vector<std::string>, std::less<>> pictures_by_stem_;
  std::set<std::string, std::less<>> picture_folders_;  // names of folders in image paths
  std::map<std::string, storage::Entry, std::less<>> shards_;
};

using media::is_picture_extension;

}  // namespace oko::dataset
