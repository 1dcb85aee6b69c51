#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "oko/storage/store.h"

namespace oko::storage {

// What an upload in parts is about: all that another process needs to go on with it.
struct PartPlan {
  std::string uri;
  std::string id;  // where the parts are, in the store's own terms
  std::uint64_t size = 0, part_size = 0;
  Precondition precondition;

  int part_count() const;  // at least 1: an empty file has one empty part
  std::uint64_t offset_of(int part) const { return static_cast<std::uint64_t>(part) * part_size; }
  std::uint64_t size_of(int part) const;
  // kUsage where there is no such part or it has another size.
  void check(int part, std::span<const std::byte> content) const;
  [[noreturn]] void refuse_unfinished() const;

  std::string token() const;
  // Throws an input Error where it makes no sense.
  static PartPlan parse(const std::string& token, std::uint64_t smallest_part, int most_parts);
};

}  // namespace oko::storage
