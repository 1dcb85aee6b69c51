#include "oko/storage/part_plan.h"

#include <algorithm>

#include "oko/base/json.h"

namespace oko::storage {

int PartPlan::part_count() const {
  return static_cast<int>(std::max<std::uint64_t>(1, (size + part_size - 1) / part_size));
}

std::uint64_t PartPlan::size_of(int part) const {
  return std::min(part_size, size - offset_of(part));
}

void PartPlan::check(int part, std::span<const std::byte> content) const {
  if (part >= 0 && part < part_count() && content.size() == size_of(part)) return;
  throw Error(ErrorCode::kUsage, uri,
              "part " + std::to_string(part) + " of " + std::to_string(part_count()) + " has " +
                  std::to_string(content.size()) + " bytes");
}

void PartPlan::refuse_unfinished() const {
  throw Error(ErrorCode::kUsage, uri, "some parts are missing", "write them first");
}

std::string PartPlan::token() const {
  const Json json = {{"uri", uri},
                     {"id", id},
                     {"size", size},
                     {"part_size", part_size},
                     {"absent", precondition.is_absent()},
                     {"version", precondition.wanted_version()}};
  return json.dump();
}

PartPlan PartPlan::parse(const std::string& token, std::uint64_t smallest_part, int most_parts) {
  const std::string place = "upload token";
  const Json json = parse_json(token, place);
  PartPlan plan;
  plan.uri = json_get<std::string>(json, "uri", place);
  plan.id = json_get<std::string>(json, "id", place);
  plan.size = json_get<std::uint64_t>(json, "size", place);
  plan.part_size = json_get<std::uint64_t>(json, "part_size", place);
  const auto version = json_get<std::string>(json, "version", place);
  if (json_get<bool>(json, "absent", place)) {
    plan.precondition = Precondition::absent();
  } else if (!version.empty()) {
    plan.precondition = Precondition::version(version);
  }
  constexpr std::uint64_t kBiggest = std::uint64_t{1} << 53;
  if (plan.part_size < std::max<std::uint64_t>(1, smallest_part) || plan.size > kBiggest ||
      plan.part_size > kBiggest || plan.size / plan.part_size > static_cast<unsigned>(most_parts)) {
    throw input_error(place, "is not valid", "start the upload again");
  }
  return plan;
}

}  // namespace oko::storage
