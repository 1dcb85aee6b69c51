#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace oko {

using Json = nlohmann::ordered_json;

// Parses UTF-8 JSON. Throws an input Error "name@byte: …" if it is not valid, and one without the
// byte if it is nested deeper than 64 levels (so that no later traversal can exhaust the stack),
// has an object with more than 16384 members (which would take quadratic time) or with duplicate
// names. Members called `skip` are skipped at any depth: unneeded bulk (COCO's segmentation) then
// takes no memory.
Json parse_json(std::string_view text, const std::string& name, std::string_view skip = {});

// The member `key` of `object` as a T. Throws an input Error that names the key and the value found
// if it is missing or has the wrong type. Numbers must fit T: no silent narrowing.
template <typename T>
T json_get(const Json& object, const char* key, const std::string& name);

// The same with a default for a missing key (a wrong type is still an error).
template <typename T>
T json_get_or(const Json& object, const char* key, T fallback, const std::string& name) {
  return object.is_object() && object.contains(key) ? json_get<T>(object, key, name) : fallback;
}

// The double that prints as the shortest decimal for this float: 0.1, not 0.10000000149011612.
double shortest_decimal(float value);

}  // namespace oko
