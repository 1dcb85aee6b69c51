#pragma once

#include <string>

namespace oko::storage {

// A folder that appears under its name whole. On disk, where nothing has the name yet, it is filled
// under a hidden one beside it (".NAME.oko-part-…", which lists skip) and renamed at the end, so
// that not even a killed process leaves half a folder under its name. A bucket has no such step,
// nor has a folder that is there already: path() is then the name itself.
class NewFolder {
 public:
  explicit NewFolder(const std::string& uri);
  // Without keep(): removes the folders that are empty by now; files are up to whoever wrote them.
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  const std::string& path() const { return path_; }  // to write into
  // Gives the folder its name. Throws where something else has it by now.
  void keep();

 private:
  std::string path_, name_;  // `name_` where it differs
  bool kept_ = false;
};

}  // namespace oko::storage
