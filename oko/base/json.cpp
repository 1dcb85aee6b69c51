#include "oko/base/json.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/repetitive_json.h"

namespace oko {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxMembers = 1 << 14;  // of one object: finding a key is a linear search

const Json& member(const Json& object, const char* key, const std::string& name) {
  if (!object.is_object()) {
    throw input_error(
        name, std::string("expected an object with \"") + key + "\", found " + object.type_name());
  }
  const auto it = object.find(key);
  if (it == object.end()) throw input_error(name, std::string("\"") + key + "\" is missing");
  return *it;
}

// A short ASCII form of a value, for messages.
std::string shown(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_unsigned()) return std::to_string(value.get<std::uint64_t>());
  if (value.is_number_integer()) return std::to_string(value.get<std::int64_t>());
  if (value.is_number()) return std::to_string(value.get<double>());
  if (!value.is_string()) return value.type_name();
  constexpr std::size_t kMaxShown = 50;
  const auto& text = value.get_ref<const std::string&>();
  std::string part = text.substr(0, kMaxShown);
  for (char& c : part) c = c < ' ' || c > '~' ? '?' : c;
  return '"' + part + (text.size() > kMaxShown ? "...\"" : "\"");
}

Error wrong_type(const std::string& name, const char* key, const char* wanted, const Json& found) {
  return input_error(name,
                     std::string("\"") + key + "\" must be " + wanted + ", found " + shown(found));
}

// Builds a document from nlohmann's SAX events; the function names are prescribed.
class Builder {
 public:
  Builder(const std::string& name, std::string_view skip, int* repeats = nullptr)
      : name_(name), skip_(skip), repeats_(repeats) {}
  Json take() { return std::move(root_); }

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(std::int64_t value) { return put(value); }
  bool number_unsigned(std::uint64_t value) { return put(value); }
  bool number_float(double value, const std::string&) { return put(value); }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(Json::binary_t&) { return false; }  // never in JSON text
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& key) {
    if (skipped_ > 0) return true;
    if (!skip_.empty() && key == skip_) {
      place_ = nullptr;
      return true;
    }
    auto& object = open_.back()->get_ref<Json::object_t&>();
    if (object.size() == kMaxMembers) {
      throw input_error(name_,
                        "a JSON object has more than " + std::to_string(kMaxMembers) + " members");
    }
    const auto [member, is_new] = object.emplace(key, nullptr);
    if (!is_new && repeats_) ++*repeats_;
    if (!is_new && !repeats_)
      throw input_error(name_, "the name " + shown(Json(key)) + " appears twice");
    place_ = &member->second;
    return true;
  }

  bool parse_error(std::size_t byte, const std::string&, const Json::exception&) {
    throw input_error(name_ + "@" + std::to_string(byte == 0 ? 0 : byte - 1), "not valid JSON");
  }

 private:
  // Where the next value goes; null if it is skipped.
  Json* next() {
    if (skipped_ > 0) return nullptr;
    if (open_.empty() || open_.back()->is_object()) return place_;
    return &open_.back()->get_ref<Json::array_t&>().emplace_back();
  }
  bool put(Json value) {
    if (Json* to = next()) *to = std::move(value);
    return true;
  }
  bool open(Json value) {
    Json* to = next();
    if (to == nullptr) {
      ++skipped_;
      return true;
    }
    if (open_.size() == kMaxDepth) {
      throw input_error(name_, "JSON nested deeper than " + std::to_string(kMaxDepth) + " levels");
    }
    *to = std::move(value);
    open_.push_back(to);
    return true;
  }
  bool close() {
    skipped_ > 0 ? static_cast<void>(--skipped_) : open_.pop_back();
    return true;
  }

  const std::string& name_;
  std::string_view skip_;
  int* repeats_;  // null: duplicate names are an error
  Json root_;
  Json* place_ = &root_;  // of the root, or of the member with the last key
  std::vector<Json*> open_;
  int skipped_ = 0;  // depth inside skipped members
};

}  // namespace

Json parse_json(std::string_view text, const std::string& name, std::string_view skip) {
  Builder builder(name, skip);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

Json parse_repetitive_json(std::string_view text, const std::string& name, std::string_view skip,
                           int& repeats) {
  Builder builder(name, skip, &repeats);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
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
  if (!fits) throw wrong_type(name, key, "an integer", value);
  return value.get<std::int64_t>();
}

template <>
std::uint64_t json_get(const Json& object, const char* key, const std::string& name) {
  const Json& value = member(object, key, name);
  if (!value.is_number_unsigned()) throw wrong_type(name, key, "a non-negative integer", value);
  return value.get<std::uint64_t>();
}

template <>
int json_get(const Json& object, const char* key, const std::string& name) {
  const std::int64_t value = json_get<std::int64_t>(object, key, name);
  if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) {
    throw wrong_type(name, key, "a 32-bit integer", object.at(key));
  }
  return static_cast<int>(value);
}

template <>
Json json_get(const Json& object, const char* key, const std::string& name) {
  return member(object, key, name);
}

// By arithmetic: phones' C++ libraries have std::to_chars for floats late or not at all. The
// quotient of two integers that are exact as doubles (below 2^53, and 10^22) is the double nearest
// to the decimal, so it is printed as that decimal.
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
