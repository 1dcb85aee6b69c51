#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/ustar.h"
#include "oko/seal/refused.h"
#include "oko/seal/source.h"

// Tar files (POSIX ustar) whose members have fixed names and an order, every byte of which must be
// as oko writes it, so that the parts can be checked with tar and minisign alone and nothing can be
// hidden between them.
namespace oko::seal {

class MemberReader {
 public:
  // `kind` is what the file should be, for errors: "a sealed model". Both must outlive this.
  MemberReader(const Source& file, const std::string& name, const char* kind)
      : file_(file), name_(name), kind_(kind) {}

  // Whether the next member has this name; it may still be damaged.
  bool is_next(std::string_view name) const;
  // The content of the next member, which must have this name and at most `longest` bytes. Throws
  // Refused (kDamaged), as all that follow.
  std::string text(std::string_view name, std::size_t longest);
  // The same without reading it.
  Source part(std::string_view name);
  // After the last one.
  void end();

 private:
  std::size_t rest() const { return file_.size() - at_; }
  std::size_t start(std::string_view name, std::size_t longest);
  void finish(std::size_t size);
  void zeros(std::size_t count);
  Refused fault(std::string message) const;

  const Source& file_;
  const std::string& name_;
  const char* kind_;
  std::size_t at_ = 0;
};

class MemberWriter {
 public:
  // `size` is about what the content will have.
  explicit MemberWriter(std::size_t size = 0) { file_.reserve(size); }

  void add(std::string_view name, std::span<const std::byte> content);
  std::vector<std::byte> end();

 private:
  std::vector<std::byte> file_;
};

}  // namespace oko::seal
