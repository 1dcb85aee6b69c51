#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "oko/formats/coreml/wire.h"

namespace oko::formats::coreml {

// The constants of an ML Program: in the program, in weights/weight.bin, or compressed there, which
// coremltools writes as operations that an interpreter would run. All functions that take a `place`
// throw input Errors there for constants that are damaged or of an unsupported kind.
class ProgramConstants {
 public:
  explicit ProgramConstants(const Bytes& weights) : weights_(weights) {}

  void add(const std::string& name, const Message& value) { values_[name] = value; }
  // An operation "constexpr_…" with its constant parameters.
  struct Compressed {
    std::string kind;
    std::map<std::string, Message, std::less<>> parts;
    std::vector<std::int64_t> shape;  // of the result
  };
  void add(const std::string& name, Compressed value) { compressed_[name] = std::move(value); }
  // Adds a constant that has no name in the file, and names it as no file can.
  std::string add_unnamed(const Message& value);

  bool has(std::string_view name) const {
    return values_.contains(name) || compressed_.contains(name);
  }
  std::size_t count() const { return values_.size() + compressed_.size(); }

  // The rest is for names that it has.
  std::vector<std::int64_t> shape(const std::string& name) const;
  bool is_whole(const std::string& name) const;  // integers or booleans
  std::vector<float> numbers(const std::string& name, const std::string& place) const;
  std::vector<std::int64_t> integers(const std::string& name) const;  // booleans are 0 and 1
  std::string text(const std::string& name) const;
  bool flag(const std::string& name) const;

 private:
  const Message& plain(const std::string& name) const;
  std::vector<float> numbers(const Message& value, const std::string& place) const;
  std::vector<float> expanded(const Compressed& value, const std::string& place) const;
  std::vector<float> dequantized(const Compressed& value, const std::string& place) const;
  std::vector<float> looked_up(const Compressed& value, const std::string& place) const;

  Bytes weights_;
  std::map<std::string, Message, std::less<>> values_;
  std::map<std::string, Compressed, std::less<>> compressed_;
};

// The sides of a tensor's type. Throws for more than 2^31 values and for unknown sides, unless they
// `may_be_open`: then they are 0.
std::vector<std::int64_t> sides_of_type(const Message& type, bool may_be_open = false);

}  // namespace oko::formats::coreml
