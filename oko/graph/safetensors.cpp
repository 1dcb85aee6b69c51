#include <algorithm>
#include <bit>
#include <cstring>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/graph/oko_file.h"

namespace oko::graph {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kLengthBytes = sizeof(std::uint64_t);  // of the header, before it
constexpr std::uint64_t kMaxHeader = std::uint64_t{16} << 20;
constexpr std::int64_t kMaxCount = std::int64_t{1} << 48;  // elements of one tensor
constexpr const char* kMetadata = "__metadata__";

// The largest power of two that divides the length, at most kAlignment.
std::size_t alignment_of(const Tensor& tensor) {
  const std::size_t bytes = tensor.data.size() | kAlignment;
  return std::size_t{1} << std::countr_zero(bytes);
}

std::string serialized(const Json& json, const std::string& what) {
  try {
    return json.dump();
  } catch (const Json::exception&) {
    throw input_error(what, "a name or text is not valid UTF-8", "use UTF-8 for class names");
  }
}

// A tensor's header entry, already checked.
struct Entry {
  std::string name;
  Tensor tensor;  // without data
  std::uint64_t begin = 0, end = 0;
};

class Reader {
 public:
  Reader(const Bytes& bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  Safetensors run() {
    const Json header = read_header();
    Safetensors content;
    std::vector<Entry> entries;
    for (const auto& [key, value] : header.items()) {
      if (key == kMetadata) {
        read_metadata(value, content);
      } else {
        entries.push_back(read_entry(key, value));
      }
    }
    check_layout(entries);
    for (Entry& entry : entries) {
      entry.tensor.data = data_of(entry);
      content.tensors.emplace(std::move(entry.name), std::move(entry.tensor));
    }
    return content;
  }

 private:
  Json read_header() {
    ByteReader reader(name_, bytes_);
    const auto length = reader.read<std::uint64_t>("the header's length");
    if (length > kMaxHeader) {
      throw input_error(name_ + "@0",
                        "the header's length " + std::to_string(length) + " is more than " +
                            std::to_string(kMaxHeader),
                        "is this a safetensors file?");
    }
    const Bytes text = reader.take(static_cast<std::size_t>(length), "the header");
    if (text.empty() || text.text().front() != '{') {
      throw input_error(name_ + "@" + std::to_string(kLengthBytes),
                        "the header does not start with {", "is this a safetensors file?");
    }
    data_ = bytes_.part(reader.position(), reader.remaining());
    return parse_json(text.text(), name_ + ": header");
  }

  void read_metadata(const Json& value, Safetensors& content) const {
    const std::string place = name_ + ": " + kMetadata;
    if (!value.is_object()) throw input_error(place, "it must be an object of strings");
    for (const auto& [key, text] : value.items()) {
      content.metadata[key] = json_get<std::string>(value, key.c_str(), place);
    }
  }

  Entry read_entry(const std::string& key, const Json& value) const {
    const std::string place = name_ + ": tensor " + key;
    Entry entry;
    entry.name = key;
    const auto type = json_get<std::string>(value, "dtype", place);
    const auto known = dtype_named(type);
    if (!known) throw input_error(place, "the type " + type + " is not supported");
    entry.tensor.dtype = *known;
    std::int64_t count = 1, bound = 1;  // bound: without zeros, so that no product can overflow
    for (const std::uint64_t side : sizes(value, "shape", place)) {
      if (side > static_cast<std::uint64_t>(kMaxCount / bound)) {
        throw input_error(place, "the shape has too many elements");
      }
      entry.tensor.shape.push_back(static_cast<std::int64_t>(side));
      count *= static_cast<std::int64_t>(side);
      bound *= std::max<std::int64_t>(1, static_cast<std::int64_t>(side));
    }
    const std::vector<std::uint64_t> offsets = sizes(value, "data_offsets", place);
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_.size()) {
      throw input_error(place,
                        "data_offsets must be two increasing offsets up to " +
                            std::to_string(data_.size()) + ", the size of the data",
                        "the file is cut short or damaged: copy or download it again");
    }
    entry.begin = offsets[0];
    entry.end = offsets[1];
    const std::uint64_t wanted = static_cast<std::uint64_t>(count) * size_of(*known);
    if (entry.end - entry.begin != wanted) {
      throw input_error(place_of(entry), "the tensor " + key + " has " +
                                             std::to_string(entry.end - entry.begin) + " bytes, " +
                                             type + " " + to_string(entry.tensor.shape) +
                                             " needs " + std::to_string(wanted));
    }
    return entry;
  }

  static std::vector<std::uint64_t> sizes(const Json& value, const char* key,
                                          const std::string& place) {
    const Json list = json_get<Json>(value, key, place);
    if (!list.is_array()) throw input_error(place, std::string(key) + " must be a list");
    std::vector<std::uint64_t> numbers;
    for (const Json& number : list) {
      numbers.push_back(json_get<std::uint64_t>(Json{{key, number}}, key, place));
    }
    return numbers;
  }

  std::string place_of(const Entry& entry) const {
    return name_ + "@" + std::to_string(bytes_.size() - data_.size() + entry.begin);
  }

  // The tensors must cover the data exactly: no overlap, no gap, no rest.
  void check_layout(std::vector<Entry>& entries) const {
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::uint64_t position = 0;
    for (const Entry& entry : entries) {
      if (entry.begin != position) {
        throw input_error(place_of(entry), entry.begin < position
                                               ? "the tensor " + entry.name + " overlaps another"
                                               : "there is a gap before the tensor " + entry.name);
      }
      position = entry.end;
    }
    if (position != data_.size()) {
      throw input_error(
          name_ + "@" + std::to_string(bytes_.size() - data_.size() + position),
          std::to_string(data_.size() - position) + " bytes at the end belong to no tensor");
    }
  }

  Bytes data_of(const Entry& entry) const {
    const Bytes part = data_.part(static_cast<std::size_t>(entry.begin),
                                  static_cast<std::size_t>(entry.end - entry.begin));
    const auto address = reinterpret_cast<std::uintptr_t>(part.data());
    if (address % size_of(entry.tensor.dtype) == 0) return part;
    return Bytes(std::vector<std::byte>(part.span().begin(), part.span().end()));
  }

  const Bytes& bytes_;
  const std::string& name_;
  Bytes data_;
};

}  // namespace

std::vector<std::byte> write_safetensors(const Safetensors& content) {
  std::vector<Weights::const_iterator> order;
  for (auto it = content.tensors.begin(); it != content.tensors.end(); ++it) {
    if (it->first == kMetadata) {
      throw input_error("tensor " + it->first, "safetensors reserves this name");
    }
    order.push_back(it);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return alignment_of(a->second) > alignment_of(b->second);
  });

  Json header = Json::object();
  if (!content.metadata.empty()) header[kMetadata] = content.metadata;
  std::size_t size = 0;
  for (const auto& it : order) {
    const auto& [name, tensor] = *it;
    header[name] = {{"dtype", name_of(tensor.dtype)},
                    {"shape", tensor.shape},
                    {"data_offsets", {size, size + tensor.data.size()}}};
    size += tensor.data.size();
  }
  std::string text = serialized(header, "safetensors header");
  text.append((kAlignment - (kLengthBytes + text.size()) % kAlignment) % kAlignment, ' ');
  if (text.size() > kMaxHeader) {
    throw input_error("safetensors header",
                      "it would be larger than " + std::to_string(kMaxHeader) + " bytes",
                      "store less in the metadata");
  }

  std::vector<std::byte> out(kLengthBytes + text.size() + size);
  const std::uint64_t length = text.size();
  std::byte* to = out.data();
  const auto put = [&](const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
    to += bytes;
  };
  put(&length, sizeof length);
  put(text.data(), text.size());
  for (const auto& it : order) put(it->second.data.data(), it->second.data.size());
  return out;
}

Safetensors read_safetensors(const Bytes& bytes, const std::string& name) {
  return Reader(bytes, name).run();
}

}  // namespace oko::graph
