#include <algorithm>
#include <cstring>
#include <utility>

#include "oko/base/error.h"
#include "oko/formats/check_values.h"
#include "oko/formats/darknet.h"

namespace oko::formats {
namespace {

using graph::WeightSpec;

std::int64_t count_of(const WeightSpec& spec) {
  std::int64_t count = 1;
  for (const std::int64_t side : spec.shape) count *= side;
  return count;
}

// Since version 0.2 Darknet counts images with 64 bits.
bool seen_is_wide(const DarknetWeights& header) {
  return std::int64_t{header.major} * 10 + header.minor >= 2;
}

DarknetWeights read_header(ByteReader& reader) {
  DarknetWeights header;
  header.major = reader.read<std::int32_t>("the header");
  header.minor = reader.read<std::int32_t>("the header");
  header.revision = reader.read<std::int32_t>("the header");
  if (header.major < 0 || header.major > 1000 || header.minor < 0 || header.minor > 1000) {
    throw input_error(reader.name() + "@0",
                      "version " + std::to_string(header.major) + "." +
                          std::to_string(header.minor) + " is not a Darknet version",
                      "is this a Darknet .weights file?");
  }
  header.seen = seen_is_wide(header) ? reader.read<std::uint64_t>("the header")
                                     : reader.read<std::uint32_t>("the header");
  if (reader.remaining() % sizeof(float) != 0) {
    throw input_error(reader.place(),
                      "the " + std::to_string(reader.remaining()) +
                          " bytes after the header are not a multiple of 4",
                      "the file is cut short or damaged: copy or download it again");
  }
  return header;
}

// The floats in place if they are aligned to 4 bytes, else copied.
graph::Tensor tensor_at(const Bytes& bytes, const WeightSpec& spec) {
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(float) == 0) {
    return {graph::DType::kF32, spec.shape, bytes};
  }
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return graph::Tensor::of(std::move(values), spec.shape);
}

class WeightsReader {
 public:
  WeightsReader(const Bytes& file, const std::string& name, const graph::Network& network,
                const DarknetLayout& layout)
      : reader_(name, file),
        network_(network),
        layout_(layout),
        specs_(graph::weight_specs(network)) {}

  DarknetWeights run(graph::Weights& loaded) {
    DarknetWeights header = read_header(reader_);
    floats_ = static_cast<std::int64_t>(reader_.remaining() / sizeof(float));
    std::size_t next = 0;
    while (next < specs_.size()) {
      if (is_known(specs_[next], loaded)) {
        ++next;
        continue;
      }
      if (reader_.remaining() == 0) break;
      next = read_layer(next, loaded);
      ++header.convolutions_loaded;
    }
    if (reader_.remaining() > 0) {
      throw input_error(reader_.place(),
                        "the file has " + std::to_string(floats_) + " floats, the network needs " +
                            std::to_string(taken_),
                        "the file belongs to another network or number of classes");
    }
    header.complete = next == specs_.size();
    return header;
  }

 private:
  // Loads a weight that the file does not have, and returns true if it is one.
  bool is_known(const WeightSpec& spec, graph::Weights& loaded) const {
    const std::string part = spec.name.substr(network_.layers[spec.layer].name.size());
    if (const auto other = layout_.same_as.find(spec.layer); other != layout_.same_as.end()) {
      loaded[spec.name] = loaded.at(network_.layers[other->second].name + part);
      return true;
    }
    const auto constant = layout_.constant.find(spec.layer);
    if (constant == layout_.constant.end()) return false;
    const float value = part == ".kernel" ? constant->second : 0;
    const auto count = static_cast<std::size_t>(count_of(spec));
    loaded[spec.name] = graph::Tensor::of(std::vector<float>(count, value), spec.shape);
    return true;
  }

  // Reads the weights of one convolution, which start at specs_[first]; returns the next one's
  // first.
  std::size_t read_layer(std::size_t first, graph::Weights& loaded) {
    const int layer = specs_[first].layer;
    const std::string place = graph::place_of(network_, static_cast<std::size_t>(layer));
    std::size_t end = first;
    std::int64_t wanted = 0;
    for (; end < specs_.size() && specs_[end].layer == layer; ++end)
      wanted += count_of(specs_[end]);
    if (floats_ - taken_ < wanted) {
      throw input_error(
          reader_.place(),
          "the file has " + std::to_string(floats_) + " floats, " + place + " needs " +
              std::to_string(taken_ + wanted),
          "the file belongs to another network or number of classes, or is cut short");
    }
    for (std::size_t i = first; i < end; ++i) {
      const auto bytes = static_cast<std::size_t>(count_of(specs_[i])) * sizeof(float);
      const std::string at = reader_.place();
      graph::Tensor tensor = tensor_at(reader_.take(bytes, specs_[i].name), specs_[i]);
      check_values(tensor, specs_[i].name, at + ": " + place);
      loaded[specs_[i].name] = std::move(tensor);
    }
    taken_ += wanted;
    return end;
  }

  ByteReader reader_;
  const graph::Network& network_;
  const DarknetLayout& layout_;
  std::vector<WeightSpec> specs_;
  std::int64_t floats_ = 0, taken_ = 0;
};

// Darknet's batch norm adds 1e-5 to the variance (on a GPU) or 1e-6 to its root (on a CPU); the
// two are treated as the same. For any other epsilon the variance is changed so that the root is
// the same.
void match_epsilon(const graph::BatchNorm& norm, std::vector<float>& variance) {
  constexpr float kInside = 1e-5F, kOutside = 1e-6F;
  if (norm == graph::BatchNorm{kInside, false} || norm == graph::BatchNorm{kOutside, true}) return;
  for (float& v : variance) {
    const float outside = std::sqrt(v) + norm.epsilon;
    const float squared_root = norm.epsilon_outside_root ? outside * outside : v + norm.epsilon;
    v = std::max(0.F, squared_root - kInside);
  }
}

template <typename T>
void put(std::vector<std::byte>& out, T value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

DarknetWeights read_darknet_weights(const Bytes& file, const std::string& name,
                                    graph::Network& network, const DarknetLayout& layout) {
  graph::Weights loaded;
  const DarknetWeights header = WeightsReader(file, name, network, layout).run(loaded);
  for (auto& [key, tensor] : loaded) network.weights[key] = std::move(tensor);
  return header;
}

std::vector<std::byte> write_darknet_weights(const graph::Network& network,
                                             const DarknetWeights& header) {
  graph::check_weights(network);
  std::vector<std::byte> out;
  out.reserve(static_cast<std::size_t>(darknet_float_count(network)) * sizeof(float) + 20);
  for (const int number : {header.major, header.minor, header.revision}) {
    put(out, std::int32_t{number});
  }
  if (seen_is_wide(header)) {
    put(out, header.seen);
  } else {
    put(out, static_cast<std::uint32_t>(header.seen));
  }
  for (const WeightSpec& spec : graph::weight_specs(network)) {
    const std::span<const float> stored = network.weights.at(spec.name).floats();
    std::vector<float> values(stored.begin(), stored.end());
    if (spec.name.ends_with(".variance")) {
      const graph::Layer& layer = network.layers[spec.layer];
      match_epsilon(*std::get<graph::Convolution>(layer.operation).batch_norm, values);
    }
    const auto bytes = std::as_bytes(std::span(values));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

std::int64_t darknet_float_count(const graph::Network& network) {
  std::int64_t count = 0;
  for (const WeightSpec& spec : graph::weight_specs(network)) count += count_of(spec);
  return count;
}

int darknet_classes_from_size(const graph::Network& network, const Bytes& file,
                              const std::string& name) {
  if (network.heads().empty()) return 0;
  ByteReader reader(name, file);
  read_header(reader);
  const auto floats = static_cast<std::int64_t>(reader.remaining() / sizeof(float));
  const auto floats_with = [&](int classes) {
    graph::Network other = network;
    other.weights.clear();
    graph::set_class_count(other, classes);
    return darknet_float_count(other);
  };
  const std::int64_t one = floats_with(1), step = floats_with(2) - one;
  const std::int64_t classes = 1 + (floats - one) / step;
  constexpr std::int64_t kMaxClasses = 1 << 20;
  if (floats < one || (floats - one) % step != 0 || classes > kMaxClasses) return 0;
  return static_cast<int>(classes);
}

}  // namespace oko::formats
