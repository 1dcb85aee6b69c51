#pragma once

#include <string>
#include <unordered_set>

#include "oko/cli/model.h"
#include "oko/dataset/dataset.h"

namespace oko::cli {

// The files that a command reads and writes, by identity (oko/storage/identity.h): none that it
// writes may be one that it reads, whatever their names say, and no two results may have one name.
// Every command that writes a file claims its name here before long work begins.
class InputFiles {
 public:
  // What is not there, and "", is passed over.
  void add(const std::string& file);
  // The model's files, also those that are found by themselves, and its class names.
  void add(const ModelArguments& model);
  // Images and annotations with the folders that hold them, and what add_dataset() adds.
  void add(const dataset::Dataset& data);
  // A folder: whatever there is in it at any depth that could be of a dataset; or a file that tells
  // of one, and its folder.
  void add_dataset(const std::string& uri);
  // Nothing at all is to be written straight into it.
  void add_folder(const std::string& folder);

  // Throws a usage Error where the file to be written is one of these, or claimed before, or would
  // be read as part of a dataset's folder.
  void claim(const std::string& output);
  // Throws a usage Error where files are to be written into a folder that was added, or one that
  // has the name of a file that was added or claimed.
  void refuse_folder(const std::string& output) const;
  // Throws a usage Error where a new dataset or run is to be written into one that was added.
  void refuse_within_dataset(const std::string& output) const;

 private:
  std::unordered_set<std::string> inputs_, outputs_, folders_;
  std::unordered_set<std::string> datasets_;         // folders that hold what a dataset is made of
  std::unordered_set<std::string> dataset_folders_;  // no new dataset is to be written into these
};

}  // namespace oko::cli
