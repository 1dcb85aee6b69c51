#pragma once

#include <string>

namespace oko::run {

// Which process writes into a run folder: the one that claimed it last. A machine that died leaves
// nothing that has to be waited for or removed: who resumes its run claims the folder, and one that
// is alive after all learns of it at its next check() and stops.
class Owner {
 public:
  // Claims the folder by writing its owner.json.
  explicit Owner(const std::string& folder);
  // One look at owner.json. Throws kFailed where another process has claimed the folder since; that
  // the file was removed is no reason to stop.
  void check();

 private:
  std::string uri_, claim_, version_;
};

}  // namespace oko::run
