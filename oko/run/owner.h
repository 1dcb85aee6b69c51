#pragma once

#include <string>

namespace oko::run {

// The process that may write into a run folder: the one that claimed it last. A machine that died
// leaves no lock to wait for or remove: whoever resumes its run claims the folder, and if the first
// process is still alive it notices at its next check() and stops.
class Owner {
 public:
  // Claims the folder by writing its owner.json.
  explicit Owner(const std::string& folder);
  // Reads owner.json once. Throws kFailed if another process has claimed the folder since; a
  // removed file is not a reason to stop.
  void check();

 private:
  std::string uri_, claim_, version_;
};

}  // namespace oko::run
