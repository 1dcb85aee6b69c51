#include <bit>
#include <cstring>
#include <utility>

#include "oko/base/half.h"
#include "oko/formats/format.h"
#include "oko/graph/oko_file.h"

namespace oko::formats {
const Format& oko_format();

namespace {

graph::Tensor as_floats(const graph::Tensor& tensor, const std::string& place) {
  using graph::DType;
  if (tensor.dtype == DType::kF32) return tensor;
  if (tensor.dtype != DType::kF16 && tensor.dtype != DType::kBF16) {
    throw input_error(place, std::string("is of type ") + name_of(tensor.dtype) +
                                 "; weights must be F32, F16 or BF16");
  }
  std::vector<float> values(static_cast<std::size_t>(tensor.count()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Half half;
    std::memcpy(&half, tensor.data.data() + i * sizeof half, sizeof half);
    values[i] = tensor.dtype == DType::kF16
                    ? to_float(half)
                    : std::bit_cast<float>(static_cast<std::uint32_t>(half.bits) << 16);
  }
  return graph::Tensor::of(std::move(values), tensor.shape);
}

// Loads weights, under the names that .oko files use, into the network the user names.
ReadModel read(std::span<const File> files, const ReadOptions& options) {
  const File& file = files.front();
  const graph::Safetensors content = graph::read_safetensors(file.bytes, file.name);
  const auto format = content.metadata.find("format");
  if (format != content.metadata.end() && format->second == "oko")
    return oko_format().read(files, options);
  if (!options.network) {
    throw input_error(file.name, "contains only weights; the network is unknown",
                      "give the network with --network: a built-in name or a model file");
  }
  ReadModel result{*options.network};
  for (const graph::WeightSpec& spec : graph::weight_specs(result.network)) {
    const auto found = content.tensors.find(spec.name);
    const std::string place = file.name + ": " + spec.name;
    if (found == content.tensors.end()) {
      throw input_error(place, "is missing",
                        "name the weights as in an .oko file of the same network");
    }
    if (found->second.shape != spec.shape) {
      throw input_error(place, "is " + graph::to_string(found->second.shape) +
                                   ", the network expects " + graph::to_string(spec.shape));
    }
    result.network.weights[spec.name] = as_floats(found->second, place);
  }
  const std::size_t used = result.network.weights.size(), there = content.tensors.size();
  if (used < there) {
    result.notes.push_back(std::to_string(there - used) +
                           " tensors of the file do not belong to the network and were skipped");
  }
  return result;
}

}  // namespace

const Format& safetensors_format() {
  static const Format format{
      .name = "safetensors",
      .title = "safetensors",
      .extensions = {".safetensors"},
      .takes_network = true,
      .recognize = [](std::string_view start) { return start.size() > 9 && start[8] == '{'; },
      .read = read};
  return format;
}

}  // namespace oko::formats
