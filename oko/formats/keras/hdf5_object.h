#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/bytes.h"

// The objects of an HDF5 file (groups and datasets) by their headers. Names of parts are those of
// the "HDF5 File Format Specification".
namespace oko::formats::hdf5 {

inline constexpr std::uint64_t kNoAddress = ~std::uint64_t{0};

// The file and how much of it may still be read: damaged links can lead to the same bytes again and
// again, while an intact file needs each once.
struct File {
  Bytes bytes;
  std::string name;
  std::uint64_t budget = 0;

  // A reader of [address, address + length), counted against the budget. Throws if that is outside
  // the file. Its position is the offset in the file.
  ByteReader at(std::uint64_t address, std::uint64_t length, const char* what);
  // The next `length` bytes of a reader as a separate reader, not counted again.
  ByteReader part(ByteReader& reader, std::uint64_t length, const char* what) const;
  std::string place(std::uint64_t address) const { return name + "@" + std::to_string(address); }

 private:
  ByteReader view(std::uint64_t address, std::uint64_t length) const;
};

struct Datatype {
  enum class Kind { kFloat, kString, kVariableString, kOther };
  Kind kind = Kind::kOther;
  std::uint32_t size = 0;  // bytes of an element
};

struct Attribute {
  std::string name;
  Datatype type;
  std::uint64_t count = 0;  // elements
  Bytes data;
  std::uint64_t address = 0;  // of the header that holds it, for messages
};

struct SymbolTable {
  std::uint64_t tree = kNoAddress, heap = kNoAddress;
};

struct Link {
  std::string name;
  std::uint64_t address = kNoAddress;
};

// What a header's messages contain, as far as it is needed.
struct Object {
  std::vector<Attribute> attributes;
  std::vector<Link> links;
  std::optional<SymbolTable> symbols;
  std::optional<Datatype> type;
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<Bytes> data;  // of a contiguous dataset
  std::string refusal;        // why a dataset cannot be read
  bool dense = false;         // links or attributes are in a fractal heap, which is not read
};

Object read_object(File& file, std::uint64_t address);

// "the file uses …", with how to save it instead.
[[noreturn]] void refuse(const std::string& place, const std::string& what);

}  // namespace oko::formats::hdf5
