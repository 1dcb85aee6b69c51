#pragma once

#include <unistd.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

// What starting another program needs, on desktops.
namespace oko {

// A file descriptor that is closed at the end of its scope.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }
  int number() const { return number_; }
  bool open() const { return number_ >= 0; }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_ = -1;
};

// This process's environment, as "NAME=value", without `removed` and with `added`.
std::vector<std::string> environment_with(const std::map<std::string, std::string>& added,
                                          const std::vector<std::string>& removed = {});

// As exec and posix_spawn take them; valid as long as the texts.
std::vector<char*> pointers_to(const std::vector<std::string>& texts);

}  // namespace oko
