#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/keras/hdf5_object.h"
#include "oko/graph/tensor.h"

namespace oko::formats {

// Reads the part of HDF5 that Keras and h5py write by themselves: groups, attributes that are
// strings, and contiguous datasets of floats. libhdf5 is not used because damaged files crash it:
// a fuzzer needs seconds to make version 1.10 write outside its memory. This one is strict: it
// checks every address and length against the file, does work bounded by a few times the file's
// size, and rejects what it does not know with a hint.
class Hdf5 {
 public:
  static bool is_hdf5(const Bytes& file);

  // Throws if the file does not start like HDF5.
  Hdf5(const Bytes& file, const std::string& name);

  const std::string& name() const { return file_.name; }
  // Paths are relative to the root: "model_weights/conv2d_1"; "" is the root itself.
  bool has(std::string_view path);
  // The strings of an attribute, one for a scalar; nothing if the object has no such attribute.
  std::optional<std::vector<std::string>> strings(std::string_view path,
                                                  std::string_view attribute);
  // The values of a dataset as float32, sharing the file's bytes where possible.
  graph::Tensor floats(std::string_view path);

 private:
  using Links = std::map<std::string, std::uint64_t, std::less<>>;

  std::optional<std::uint64_t> find(std::string_view path);
  const hdf5::Object& object(std::uint64_t address);
  const Links& links(std::uint64_t address);
  void read_symbols(const hdf5::SymbolTable& table, Links& links);
  void read_symbol_node(std::uint64_t address, const Bytes& names, Links& links);
  std::string heap_string(std::uint64_t collection, std::uint32_t index, std::uint32_t length);

  hdf5::File file_;
  std::uint64_t root_ = 0;
  std::map<std::uint64_t, hdf5::Object> objects_;
  std::map<std::uint64_t, Links> links_;
  std::map<std::uint64_t, std::map<std::uint32_t, Bytes>> heaps_;
};

}  // namespace oko::formats
