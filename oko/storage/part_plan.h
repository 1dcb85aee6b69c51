#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "oko/storage/store.h"

namespace oko::storage {

// The plan of a multipart upload: everything that another process needs to resume it.
struct PartPlan {
  std::string uri;
  std::string id;  // where the parts are, in the store's own terms
  std::uint64_t size = 0, part_size = 0;
  Precondition precondition;

  int part_count() const;  // at least 1: an empty file has one empty part
  std::uint64_t offset_of(int part) const { return static_cast<std::uint64_t>(part) * part_size; }
  std::uint64_t size_of(int part) const;
  // kUsage if there is no such part or it has another size.
  void check(int part, std::span<const std::byte> content) const;
  [[noreturn]] void refuse_unfinished() const;

  std::string token() const;
  // Throws an input Error if it is invalid.
  static PartPlan parse(const std::string& token, std::uint64_t smallest_part, int most_parts);
};

}  // namespace oko::storage
