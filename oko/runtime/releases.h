#pragma once

#include <oko/oko.h>

#include <cstdint>
#include <string>

namespace oko::runtime {

// The highest number that an app has accepted of each thing that has one: releases of models, and
// "@root" and "@index" of its updates, which are no models' ids. Where the app keeps them is up to
// it; without its two functions every number is 0.
class Releases {
 public:
  // Throws a usage Error at `place` if only one of the two functions is set.
  Releases(const oko_releases& app, const char* place);

  // Both throw a storage Error if the app cannot.
  std::uint64_t highest(const std::string& name) const;
  // Two threads that raise it to two numbers must not leave the lower one.
  void raise(const std::string& name, std::uint64_t number) const;

 private:
  oko_releases app_;
};

}  // namespace oko::runtime
