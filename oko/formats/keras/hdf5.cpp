#include "oko/formats/keras/hdf5.h"

#include <algorithm>
#include <cstring>

#include "oko/base/error.h"
#include "oko/base/half.h"

namespace oko::formats {

using hdf5::Attribute;
using hdf5::Datatype;
using hdf5::Object;

namespace {

constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
constexpr const char* kDamaged = "the file is damaged: copy it again";

void check_signature(ByteReader& reader, std::string_view signature) {
  const std::string place = reader.place();
  if (reader.take(signature.size(), signature).text() != signature) {
    throw input_error(place, "expected \"" + std::string(signature) + "\"", kDamaged);
  }
}

std::string until_zero(std::string_view text) {
  return std::string(text.substr(0, text.find('\0')));
}

// The text of a fixed-length string, which may be padded with zeros or spaces.
std::string fixed_string(std::string_view text) {
  std::string result = until_zero(text);
  while (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

std::uint64_t read_root(ByteReader reader) {
  reader.take(kSignature.size(), "the signature");
  const auto version = reader.read<std::uint8_t>("the superblock");
  if (version > 3) {
    hdf5::refuse(reader.place(), "a superblock of version " + std::to_string(version));
  }
  const bool old = version < 2;
  if (old) reader.take(4, "the superblock");
  const auto offsets = reader.read<std::uint8_t>("the superblock");
  const auto lengths = reader.read<std::uint8_t>("the superblock");
  if (offsets != 8 || lengths != 8) hdf5::refuse(reader.place(), "addresses that are not 64 bits");
  reader.take(version == 0 ? 9 : version == 1 ? 13 : 1, "the superblock");
  if (reader.read<std::uint64_t>("the superblock") != 0) {
    hdf5::refuse(reader.place(), "a user block");
  }
  reader.take(old ? 32 : 16, "the superblock");  // old: the name of the root's entry is the last
  return reader.read<std::uint64_t>("the superblock");
}

template <typename T>
std::vector<float> converted(const Bytes& data, std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
    if constexpr (std::is_same_v<T, Half>) {
      values[i] = to_float(value);
    } else {
      values[i] = static_cast<float>(value);
    }
  }
  return values;
}

}  // namespace

bool Hdf5::is_hdf5(const Bytes& file) { return file.text().starts_with(kSignature); }

Hdf5::Hdf5(const Bytes& file, const std::string& name) {
  // Every byte once, and once more for heaps and headers that are visited again.
  file_ = {file, name, 4 * std::uint64_t{file.size()} + 4096};
  if (!is_hdf5(file)) {
    throw input_error(name, "is not an HDF5 file", "give the .h5 file that Keras saved");
  }
  constexpr std::uint64_t kMostSuperblock = 128;
  root_ = read_root(
      file_.at(0, std::min<std::uint64_t>(kMostSuperblock, file.size()), "the superblock"));
}

const Object& Hdf5::object(std::uint64_t address) {
  const auto found = objects_.find(address);
  if (found != objects_.end()) return found->second;
  return objects_.emplace(address, hdf5::read_object(file_, address)).first->second;
}

void Hdf5::read_symbol_node(std::uint64_t address, const Bytes& names, Links& links) {
  constexpr std::uint64_t kHead = 8, kEntry = 40;
  ByteReader head = file_.at(address, kHead, "a symbol table node");
  check_signature(head, "SNOD");
  head.take(2, "a symbol table node");
  const auto count = head.read<std::uint16_t>("a symbol table node");
  ByteReader reader = file_.at(address + kHead, count * kEntry, "a symbol table node");
  for (int i = 0; i < count; ++i) {
    const std::string place = reader.place();
    const auto name = reader.read<std::uint64_t>("a link");
    const auto target = reader.read<std::uint64_t>("a link");
    const auto kind = reader.read<std::uint32_t>("a link");
    reader.take(20, "a link");
    if (kind == 2) continue;  // a soft link
    if (name >= names.size()) throw input_error(place, "a link without a name", kDamaged);
    // Counts the name against the budget: many links can share one long name.
    std::string text = until_zero(names.text().substr(name));
    file_.at(0, std::min<std::uint64_t>(text.size(), file_.bytes.size()), "a link's name");
    links.emplace(std::move(text), target);
  }
}

void Hdf5::read_symbols(const hdf5::SymbolTable& table, Links& links) {
  ByteReader heap = file_.at(table.heap, 32, "a local heap");
  check_signature(heap, "HEAP");
  heap.take(4, "a local heap");
  const auto length = heap.read<std::uint64_t>("a local heap");
  heap.take(8, "a local heap");
  const auto address = heap.read<std::uint64_t>("a local heap");
  const Bytes names = file_.at(address, length, "a local heap").take(length, "a local heap");

  std::vector<std::uint64_t> nodes{table.tree};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    constexpr std::uint64_t kHead = 24, kKey = 8, kChild = 8;
    ByteReader head = file_.at(nodes[i], kHead, "a group's tree");
    check_signature(head, "TREE");
    const auto type = head.read<std::uint8_t>("a group's tree");
    const auto level = head.read<std::uint8_t>("a group's tree");
    const auto count = head.read<std::uint16_t>("a group's tree");
    if (type != 0) throw input_error(head.place(), "a group's tree of another kind", kDamaged);
    ByteReader reader = file_.at(nodes[i] + kHead, count * (kKey + kChild), "a group's tree");
    for (int k = 0; k < count; ++k) {
      reader.take(kKey, "a group's tree");
      const auto child = reader.read<std::uint64_t>("a group's tree");
      if (level > 0) {
        nodes.push_back(child);
      } else {
        read_symbol_node(child, names, links);
      }
    }
  }
}

const Hdf5::Links& Hdf5::links(std::uint64_t address) {
  const auto found = links_.find(address);
  if (found != links_.end()) return found->second;
  const Object& group = object(address);
  Links all;
  for (const hdf5::Link& link : group.links) all.emplace(link.name, link.address);
  if (group.symbols) read_symbols(*group.symbols, all);
  return links_.emplace(address, std::move(all)).first->second;
}

std::optional<std::uint64_t> Hdf5::find(std::string_view path) {
  std::uint64_t address = root_;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (part.empty()) continue;
    const Links& group = links(address);
    const auto found = group.find(part);
    if (found == group.end()) {
      if (object(address).dense)
        hdf5::refuse(file_.place(address), "groups stored in a fractal heap");
      return std::nullopt;
    }
    address = found->second;
  }
  return address;
}

bool Hdf5::has(std::string_view path) { return find(path).has_value(); }

std::string Hdf5::heap_string(std::uint64_t collection, std::uint32_t index, std::uint32_t length) {
  auto found = heaps_.find(collection);
  if (found == heaps_.end()) {
    constexpr std::uint64_t kHead = 16;
    ByteReader head = file_.at(collection, kHead, "a global heap");
    check_signature(head, "GCOL");
    head.take(4, "a global heap");
    const auto size = head.read<std::uint64_t>("a global heap");
    ByteReader reader = file_.at(collection, std::max(size, kHead), "a global heap");
    reader.take(kHead, "a global heap");
    std::map<std::uint32_t, Bytes> objects;
    while (reader.remaining() >= kHead) {
      const auto id = reader.read<std::uint16_t>("a global heap");
      if (id == 0) break;  // free space up to the end
      reader.take(6, "a global heap");
      const auto bytes = reader.read<std::uint64_t>("a global heap");
      Bytes data = reader.take(bytes, "a global heap");
      reader.take(std::min<std::size_t>((8 - bytes % 8) % 8, reader.remaining()), "a global heap");
      objects.emplace(id, std::move(data));
    }
    found = heaps_.emplace(collection, std::move(objects)).first;
  }
  const auto object = found->second.find(index);
  if (object == found->second.end() || object->second.size() < length) {
    throw input_error(file_.place(collection),
                      "the global heap has no string " + std::to_string(index) + " of " +
                          std::to_string(length) + " bytes",
                      kDamaged);
  }
  file_.at(collection, length, "a string");  // counted: many strings can be one
  return until_zero(object->second.text().substr(0, length));
}

std::optional<std::vector<std::string>> Hdf5::strings(std::string_view path,
                                                      std::string_view attribute) {
  const auto address = find(path);
  if (!address) return std::nullopt;
  const Object& holder = object(*address);
  const auto found = std::ranges::find(holder.attributes, attribute, &Attribute::name);
  if (found == holder.attributes.end()) {
    if (holder.dense) hdf5::refuse(file_.place(*address), "attributes stored in a fractal heap");
    return std::nullopt;
  }
  std::vector<std::string> result;
  if (found->count == 0) return result;  // Keras does not define the type of an empty list
  const bool variable = found->type.kind == Datatype::Kind::kVariableString;
  const std::string place = file_.place(*address) + ": attribute " + found->name;
  if (!variable && found->type.kind != Datatype::Kind::kString) {
    throw input_error(place, "is not a string", "was this file written by Keras?");
  }
  if (found->type.size == 0 || found->count > found->data.size() / found->type.size) {
    throw input_error(place,
                      "has " + std::to_string(found->count) + " strings of " +
                          std::to_string(found->type.size) + " bytes in " +
                          std::to_string(found->data.size()) + " bytes",
                      kDamaged);
  }
  ByteReader reader(place, found->data);
  for (std::uint64_t i = 0; i < found->count; ++i) {
    if (!variable) {
      result.push_back(fixed_string(reader.take(found->type.size, "a text").text()));
      continue;
    }
    const auto length = reader.read<std::uint32_t>("a text");
    const auto heap = reader.read<std::uint64_t>("a text");
    const auto index = reader.read<std::uint32_t>("a text");
    result.push_back(length == 0 ? std::string() : heap_string(heap, index, length));
  }
  return result;
}

graph::Tensor Hdf5::floats(std::string_view path) {
  const auto address = find(path);
  if (!address) {
    throw input_error(file_.name, "has no dataset \"" + std::string(path) + "\"",
                      "the file is incomplete: save it again");
  }
  const Object& dataset = object(*address);
  const std::string place = file_.place(*address) + ": " + std::string(path);
  if (!dataset.shape || !dataset.type) throw input_error(place, "is not a dataset", kDamaged);
  if (!dataset.refusal.empty()) hdf5::refuse(place, dataset.refusal);
  if (dataset.type->kind != Datatype::Kind::kFloat) {
    throw input_error(place, "is not little-endian float16, float32 or float64",
                      "save the model with float32 weights");
  }
  graph::Tensor tensor{graph::DType::kF32, *dataset.shape, {}};
  const auto count = static_cast<std::uint64_t>(tensor.count());
  const std::size_t size = dataset.type->size;
  if (!dataset.data || dataset.data->size() / size < count) {
    throw input_error(place,
                      graph::to_string(tensor.shape) + " needs " + std::to_string(count * size) +
                          " bytes, there are " +
                          std::to_string(dataset.data ? dataset.data->size() : 0),
                      kDamaged);
  }
  const Bytes data = dataset.data->part(0, count * size);
  const bool aligned = reinterpret_cast<std::uintptr_t>(data.data()) % alignof(float) == 0;
  if (size == 4 && aligned) {
    tensor.data = data;
    return tensor;
  }
  std::vector<float> values = size == 2   ? converted<Half>(data, count)
                              : size == 4 ? converted<float>(data, count)
                                          : converted<double>(data, count);
  tensor.data = Bytes::own(std::move(values));
  return tensor;
}

}  // namespace oko::formats
