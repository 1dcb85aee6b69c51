#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "oko/formats/coreml/coreml.pb.h"

namespace oko::formats::coreml {

namespace proto = oko::coreml;

using Sides = std::vector<std::int64_t>;

// Types of an ML Program's values.
enum Type { kBool = 1, kText = 2, kFloat16 = 10, kFloat32 = 11, kInt32 = 23 };

// weights/weight.bin: a header, then metadata and data of each blob, all at multiples of 64 bytes.
class BlobWriter {
 public:
  BlobWriter();

  // Returns the offset of the blob's metadata.
  std::uint64_t add(std::span<const float> values, bool half);
  std::vector<std::byte> finish();

 private:
  std::vector<std::byte> bytes_;
  std::uint32_t count_ = 0;
};

// Writes the operations and constants of an ML Program's one function. Values have unique names of
// letters, digits and "_", made of the wanted ones; constants come before what reads them.
class ProgramBuilder {
 public:
  // Weights and tensors are of this type, kFloat16 or kFloat32.
  ProgramBuilder(proto::Program& program, Type type);

  Type type() const { return type_; }
  std::string name(const std::string& wanted);
  void input(const std::string& name, Type type, const Sides& sides);
  void output(const std::string& name) { block_->add_outputs(name); }
  std::vector<std::byte> finish_weights() { return blobs_.finish(); }

  // An operation and its first result.
  struct Operation {
    proto::Operation& message;
    std::string output;
    // The value of a parameter; of several, call it once for each.
    Operation& give(const std::string& parameter, const std::string& value);
  };
  // A further result of an operation, of the type of tensors, with a new name. Returns that.
  std::string add_result(Operation& operation, const std::string& name, const Sides& sides);
  Operation add(const std::string& type, const std::string& name, Type of, const Sides& sides,
                const std::string& output);
  // Of the type of tensors, with a new name.
  Operation add(const std::string& type, const std::string& name, const Sides& sides) {
    return add(type, name, type_, sides, this->name(name));
  }
  // One that turns "x" into a tensor of shape `sides`.
  Operation on(const std::string& type, const std::string& name, const std::string& x,
               const Sides& sides) {
    return add(type, name, sides).give("x", x);
  }

  // Constants.
  std::string integers(const std::string& name, const Sides& values);
  std::string integer(const std::string& name, std::int64_t value);
  std::string flag(const std::string& name, bool on);
  std::string text(const std::string& name, const std::string& content);
  std::string number(const std::string& name, Type type, float content);
  // In the file of weights.
  std::string blob(const std::string& name, Type type, std::span<const float> values,
                   const Sides& sides);
  std::string blob(const std::string& name, std::span<const float> values, const Sides& sides) {
    return blob(name, type_, values, sides);
  }

  std::string cast(const std::string& name, const std::string& x, Type to, const Sides& sides,
                   const std::string& output);

 private:
  proto::Value& constant(const std::string& name, Type type, const Sides& sides,
                         std::string& output);
  std::string integers(const std::string& name, const Sides& values, const Sides& sides);

  Type type_;
  proto::Function* function_ = nullptr;
  proto::Block* block_ = nullptr;
  BlobWriter blobs_;
  std::set<std::string> taken_;
};

}  // namespace oko::formats::coreml
