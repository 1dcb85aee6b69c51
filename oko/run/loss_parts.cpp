#include "oko/run/loss_parts.h"

#include "oko/run/run.h"

namespace oko::run {

Json to_json(std::span<const LossPart> parts) {
  Json list = Json::array();
  for (const LossPart& part : parts) list.push_back({{"key", part.key}, {"label", part.label}});
  return list;
}

std::vector<LossPart> loss_parts_of(const Json& start) {
  const auto list = start.find("loss_parts");
  if (list == start.end() || !list->is_array()) {
    return {
        {"box", "box"}, {"objectness", "object"}, {"no_object", "no object"}, {"class", "class"}};
  }
  std::vector<LossPart> parts;
  for (const Json& part : *list) parts.push_back({text_of(part, "key"), text_of(part, "label")});
  return parts;
}

}  // namespace oko::run
