#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace oko::dataset {

// File names as annotations write them, for names that a disk stores differently: in Unicode's form
// D (macOS), or in Latin-1 bytes that are not UTF-8.
class DiskNames {
 public:
  // Paths on the disk become those that files and lists are known by: UTF-8 in form C. Where two
  // would become one, these stay as they are, and so do all files called like them ("é.png" and
  // "é.xml"): bytes tell them apart.
  void rename(std::vector<std::string>& paths);
  // Whether two files of one folder that are called like this one differ in the form of Unicode.
  bool has_both_forms(const std::string& path) const;
  // The result of rename() for a path.
  std::string name_of(const std::string& on_disk) const;
  // The path on the disk of one that rename() returned, else the same.
  const std::string& on_disk(const std::string& path) const;

 private:
  std::map<std::string, std::string> on_disk_;  // only those that differ
  std::set<std::string> both_forms_;            // names without extension, in form C
};

// The same for a path in a folder that was not listed: the spelling of `path` that exists below the
// folder `root`; else `path` itself.
std::string spelled_on_disk(const std::string& root, const std::string& path);

}  // namespace oko::dataset
