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
  const std::string& name() const { return name_; }  // of that folder, also where it was given as .
  const std::string& file() const { return file_; }  // relative name of the one file, or ""
  // Of a relative path, as the disk spells it: paths here are UTF-8 in Unicode's form C.
  std::string uri(const std::string& path) const;
  const DiskNames& disk_names() const { return names_; }
  bool has(const std::string& path) const;
  Bytes read(const std::string& path) const;      // a file, mapped where it lies on this disk
  Text read_text(const std::string& path) const;  // the same as UTF-8; was_read() from now on
  // To see what a file is: empty where it is not text in any encoding.
  Text look_at(const std::string& path) const;
  Bytes start_of(const std::string& path) const;  // at most its first 64 KiB
  // Whether a reader took a file in by read_text(), or knows why not and has set it aside.
  bool was_read(const std::string& path) const { return read_.contains(path); }
  void set_aside(const std::string& path) const { read_.insert(path); }
  // Files whose encoding was guessed by read_text(), with the guess.
  const std::map<std::string, std::string>& guessed_encodings() const { return guessed_; }
  // Soon these are read, in this order: begins to fetch them from a bucket.
  void read_ahead(const std::vector<std::string>& paths) const;
  // As they were listed, for those who read pictures later; their names are uri(path).
  const std::shared_ptr<storage::Files>& shared_files() const { return shared_files_; }

  bool is_listed() const { return listed_; }
  // Relative paths that are neither files nor folders, and links that lead nowhere or back.
  const std::vector<storage::Skipped>& skipped() const { return skipped_; }
  const std::vector<std::string>& files() const { return files_; }            // sorted
  const std::vector<std::string>& pictures() const { return pictures_; }      // sorted
  std::vector<std::string> with_extension(std::string_view extension) const;  // ".xml", sorted

  // The image that the annotation file `near` calls `written`, in any known extension. Never a
  // guess between several: an image just there, beside `near` or below the root; else the one of
  // that name whose folders end as the written ones do, which lies in a folder of `split` where
  // that is given, and below `near`'s own folder where that has images. A relative path that names
  // another folder than the image lies in is not its path. "%20" is a blank where nothing is called
  // so, and a name is one in another form of Unicode. "" where there is none, or more than one.
  std::string find_picture(const std::string& written, const std::string& near,
                           const std::string& split = {}) const;
  // ": a/1.jpg or b/1.jpg could be meant" where that is why there is none, or "".
  std::string could_be(const std::string& written) const;

  // The split that a folder on the way of a path is called by, or "": a folder "train" among others
  // with images that are no splits ("bus", "boat") is not a split. See class_folders().
  std::string split_of(const std::string& path) const;
  // Folders that are called like a split and were not taken for one by split_of().
  const std::set<std::string>& class_folders() const { return class_folders_; }
  // The file of this name in this folder, which may be spelt in another case; "" where there is
  // none, or several.
  std::string in_any_case(const std::string& path) const;
  // Whether an image has this name, without extension, in any folder.
  bool has_picture_called(const std::string& stem) const;

  // A .tar file as it was listed; null where there is none.
  const storage::Entry* shard(const std::string& path) const;

  bool has_folder(const std::string& path) const;
  // Whether a folder of this name is on the way of an image.
  bool has_picture_folder(std::string_view name) const { return picture_folders_.contains(name); }
  std::vector<std::string> pictures_in(const std::string& folder) const;  // at any depth

  // A path as some file wrote it (other machines' folders, backslashes, "./"), found here: relative
  // to `folder` or the root, also where it is written from a folder above the root. Of a path that
  // leads out of here (is_foreign_path()) folders are taken off until it exists, of others only
  // those that tell nothing ("images"). "" where there is none.
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
  // How a folder holds images or annotations.
  struct Way {
    bool directly = false;   // in itself, not only in folders below
    bool annotated = false;  // there are annotations
    auto operator<=>(const Way&) const = default;
  };
  // Of each folder those in it that have images or annotations below.
  std::map<std::string, std::map<std::string, Way>, std::less<>> folders_;
  mutable std::map<std::string, bool, std::less<>> names_splits_;  // what was asked for
  mutable std::set<std::string> class_folders_;
  mutable std::map<std::string, std::vector<std::string>> by_key_;  // filled when asked for
  bool listed_ = true;
  std::shared_ptr<storage::Files> shared_files_ = std::make_shared<storage::Files>();
  DiskNames names_;
  std::vector<storage::Skipped> skipped_;
  std::vector<std::string> files_, pictures_;
  std::map<std::string, std::vector<std::string>, std::less<>> pictures_by_stem_;
  std::set<std::string, std::less<>> picture_folders_;  // names of folders on the way of pictures
  std::map<std::string, storage::Entry, std::less<>> shards_;
};

using media::is_picture_extension;

}  // namespace oko::dataset
