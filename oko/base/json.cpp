#include "oko/base/json.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "oko/base/error.h"

namespace oko {
namespace {

constexpr int kMaxDepth = 64;
constexpr int kMaxMembers = 1 << 14;  // of one object: to find a key is to walk over all of them

const Json& member(const Json& object, const char* key, const std::string& name) {
  if (!object.is_object()) {
    throw input_error(name, std::string("expected an object that holds \"") + key + "\", found " +
                                object.type_name());
  }
  const auto it = object.find(key);
  if (it == object.end()) throw input_error(name, std::string("\"") + key + "\" is missing");
  return *it;
}

Error wrong_type(const std::string& name, const char* key, const char* wanted, const Json& found) {
  std::string shown = found.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (shown.size() > 60) shown = shown.substr(0, 57) + "...";
  return input_error(name, std::string("\"") + key + "\" must be " + wanted + ", found " + shown);
}

}  // namespace

Json parse_json(std::string_view text, const std::string& name, std::string_view skip) {
  std::array<int, kMaxDepth + 2> members{};  // so far, of the open object at each depth
  const auto keep = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kMaxDepth) {
      throw input_error(name, "JSON nested deeper than " + std::to_string(kMaxDepth) + " levels");
    }
    const auto level = static_cast<std::size_t>(depth);
    if (event == Json::parse_event_t::object_start) members[level + 1] = 0;
    if (event == Json::parse_event_t::key && ++members[level] > kMaxMembers) {
      throw input_error(name,
                        "a JSON object has more than " + std::to_string(kMaxMembers) + " members");
    }
    return skip.empty() || event != Json::parse_event_t::key ||
           value.get_ref<const std::string&>() != skip;
  };
  try {
    return Json::parse(text.begin(), text.end(), keep);
  } catch (const Json::parse_error& e) {
    throw input_error(name + "@" + std::to_string(e.byte == 0 ? 0 : e.byte - 1), "not valid JSON");
  } catch (const Json::exception& e) {
    throw input_error(name, std::string("not valid JSON: ") + e.what());
  }
}

template <>
std::string json_get(const Json& object, const char* key, const std::string& name) {
  const Json& value = member(object, key, name);
  if (!value.is_string()) throw wrong_type(name, key, "a string", value);
  return value.get<std::string>();
}

template <>
bool json_get(const Json& object, const char* key, const std::string& name) {
  const Json& value = member(object, key, name);
  if (!value.is_boolean()) throw wrong_type(name, key, "true or false", value);
  return value.get<bool>();
}

template <>
double json_get(const Json& object, const char* key, const std::string& name) {
  const Json& value = member(object, key, name);
  if (!value.is_number()) throw wrong_type(name, key, "a number", value);
  return value.get<double>();
}

template <>
float json_get(const Json& object, const char* key, const std::string& name) {
  return static_cast<float>(json_get<double>(object, key, name));
}

template <>
std::int64_t json_get(const Json& object, const char* key, const std::string& name) {
  const Json& value = member(object, key, name);
  const bool fits = value.is_number_integer() &&
                    !(value.is_number_unsigned() &&
                      value.get<std::uint64_t>() >
                          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  if (!fits) throw wrong_type(name, key, "a whole number", value);
  return value.get<std::int64_t>();
}

template <>
std::uint64_t json_get(const Json& object, const char* key, const std::string& name) {
  const Json& value = member(object, key, name);
  if (!value.is_number_unsigned()) throw wrong_type(name, key, "a whole number from 0", value);
  return value.get<std::uint64_t>();
}

template <>
int json_get(const Json& object, const char* key, const std::string& name) {
  const std::int64_t value = json_get<std::int64_t>(object, key, name);
  if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) {
    throw wrong_type(name, key, "a whole number of 32 bits", object.at(key));
  }
  return static_cast<int>(value);
}

template <>
Json json_get(const Json& object, const char* key, const std::string& name) {
  return member(object, key, name);
}

// By arithmetic: the C++ libraries of phones have std::to_chars for floats late or not at all. A
// quotient of two whole numbers that doubles hold (below 2^53, and 10^22) is the double nearest to
// the decimal, so it is printed as that.
double shortest_decimal(float value) {
  if (value == 0 || !std::isfinite(value)) return value;
  const int exponent = static_cast<int>(std::floor(std::log10(std::abs(value))));
  for (int digits = 1; digits <= 9; ++digits) {
    const int decimals = digits - 1 - exponent;
    if (std::abs(decimals) > 22) continue;
    const double power = std::pow(10.0, std::abs(decimals));
    const double decimal =
        decimals > 0 ? std::round(value * power) / power : std::round(value / power) * power;
    if (static_cast<float>(decimal) == value) return decimal;
  }
  return value;
}

}  // namespace oko
