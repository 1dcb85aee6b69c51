#pragma once

#include <string>
#include <unordered_set>

#include "oko/cli/model.h"
#include "oko/dataset/dataset.h"

namespace oko::cli {

// The files that a command reads and writes, by identity (oko/storage/identity.h): an output may
// not be an input, whatever their names, and no two outputs may share a name. Every command that
// writes a file claims its name here before long work begins.
class InputFiles {
 public:
  // Missing files, and "", are ignored.
  void add(const std::string& file);
  // The model's files, including companions found automatically, its class names and its keys.
  void add(const ModelArguments& model);
  // Those of them that are files.
  void add(const KeyArguments& keys);
  // Images and annotations with the folders that hold them, and everything add_dataset() adds.
  void add(const dataset::Dataset& data);
  // A folder: everything in it, at any depth, that could belong to a dataset; or a file that tells
  // of one, and its folder.
  void add_dataset(const std::string& uri);
  // Nothing may be written directly into it.
  void add_folder(const std::string& folder);

  // Throws a usage Error if the file to be written is one of these or already claimed, or would
  // be read as part of a dataset's folder.
  void claim(const std::string& output);
  // Throws a usage Error if files would be written into a folder that was added, or into one with
  // the name of a file that was added or claimed.
  void refuse_folder(const std::string& output) const;
  // Throws a usage Error if a new dataset or run would be written into one that was added.
  void refuse_within_dataset(const std::string& output) const;

 private:
  std::unordered_set<std::string> inputs_, outputs_, folders_;
  std::unordered_set<std::string> datasets_;         // folders that hold what a dataset is made of
  std::unordered_set<std::string> dataset_folders_;  // no new dataset is to be written into these
};

}  // namespace oko::cli
