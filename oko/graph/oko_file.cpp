#include "oko/graph/oko_file.h"

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/hash.h"
#include "oko/base/text.h"
#include "oko/graph/about.h"
#include "oko/graph/network_json.h"

namespace oko::graph {
namespace {

constexpr const char* kFormat = "oko";
constexpr const char* kVersion = "1";
constexpr const char* kChecksum = "checksum";
constexpr const char* kHash = "hash";

// A required metadata string.
const std::string& text_of(const Safetensors& file, const char* key, const std::string& name) {
  const auto found = file.metadata.find(key);
  if (found != file.metadata.end()) return found->second;
  throw input_error(name, std::string("__metadata__ has no \"") + key + "\"",
                    "this is a safetensors file but not an oko model");
}

// One that older programs did not write: digits, or empty.
std::string digits_of(const Safetensors& file, const char* key, std::size_t count,
                      const std::string& name) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) return {};
  const std::string& text = found->second;
  if (text.size() != count || text.find_first_not_of("0123456789abcdef") != text.npos) {
    throw input_error(name, std::string("\"") + key + "\" in __metadata__ is not " +
                                std::to_string(count) + " lower-case hexadecimal digits");
  }
  return text;
}

// Of the content, not of its layout: another program may write the same tensors and texts in
// another order.
std::string checksum_of(const Safetensors& file) {
  Hash hash;
  const auto add = [&](std::string_view text) {
    hash.add(std::as_bytes(std::span(text.data(), text.size())));
  };
  for (const auto& [key, text] : file.metadata) {
    if (key == kChecksum) continue;
    add(key);
    add(text);
  }
  for (const auto& [name, tensor] : file.tensors) {
    add(name);
    add(name_of(tensor.dtype));
    hash.add(std::as_bytes(std::span(tensor.shape)));
    hash.add(tensor.data.span());
  }
  return hex_digits(hash.value(), 16);
}

void verify_checksum(const Safetensors& file, const std::string& name) {
  const auto written = file.metadata.find(kChecksum);
  if (written == file.metadata.end() || written->second == checksum_of(file)) return;
  throw input_error(name, "is damaged: its content does not match its checksum",
                    "copy or make the file again; a program that changes it on purpose must drop "
                    "\"checksum\" from __metadata__");
}

std::set<std::string, std::less<>> weight_names(const Network& network) {
  std::set<std::string, std::less<>> names;
  for (const WeightSpec& spec : weight_specs(network)) names.insert(spec.name);
  return names;
}

// The scales of an int8 kernel.
bool scales_of_own(const std::string& key, const std::set<std::string, std::less<>>& names) {
  constexpr std::string_view kEnd = "_scale";
  return key.ends_with(".kernel_scale") &&
         names.contains(std::string_view(key).substr(0, key.size() - kEnd.size()));
}

std::string serialized(const Network& network) {
  try {
    return network_to_json(network).dump();
  } catch (const Json::exception&) {
    throw input_error("network", "a class name or another string is not valid UTF-8",
                      "save the class list as UTF-8");
  }
}

// Of what a reader will have: compact kernels are no longer what they were.
std::string hash_of(Network network, const Weights& stored, Precision storage) {
  if (storage != Precision::kFloat32) {
    network.weights = stored;
    expand(network.weights, "weights");
  }
  return content_hash(network);
}

}  // namespace

std::vector<std::byte> write_oko(const Network& network, const Weights& extra, Precision storage) {
  Network checked = network;
  infer_shapes(checked);
  if (!checked.weights.empty()) check_weights(checked);
  about(checked);  // throws for what a reader would reject
  Safetensors file;
  file.metadata = {{"format", kFormat}, {"version", kVersion}, {"network", serialized(checked)}};
  file.tensors = compacted(checked, storage);
  if (extra.empty()) file.metadata.emplace(kHash, hash_of(checked, file.tensors, storage));
  const auto names = weight_names(checked);
  for (const auto& [name, tensor] : extra) {
    if (names.contains(name) || file.tensors.contains(name)) {
      throw input_error("tensor " + name, "the name is already used by a weight of the network");
    }
    file.tensors.emplace(name, tensor);
  }
  file.metadata.emplace(kChecksum, checksum_of(file));
  return write_safetensors(file);
}

OkoFile read_oko(const Bytes& bytes, const std::string& name, Verify verify) {
  Safetensors file = read_safetensors(bytes, name);
  if (const std::string& format = text_of(file, "format", name); format != kFormat) {
    throw input_error(name, "the format is \"" + format + "\", not \"oko\"",
                      "this is a safetensors file but not an oko model");
  }
  if (const std::string& version = text_of(file, "version", name); version != kVersion) {
    throw input_error(name, "the file has version \"" + version + "\", but this program reads 1",
                      "use a newer version of oko");
  }
  if (verify == Verify::kChecksum) verify_checksum(file, name);
  const std::string place = name + ": network";
  OkoFile result;
  result.hash = digits_of(file, kHash, 64, name);
  result.checksum = digits_of(file, kChecksum, 16, name);
  result.network = network_from_json(parse_json(text_of(file, "network", name), place), place);
  try {
    infer_shapes(result.network);
    const auto names = weight_names(result.network);
    for (auto& [key, tensor] : file.tensors) {
      const bool own = names.contains(key) || scales_of_own(key, names);
      Weights& to = own ? result.network.weights : result.extra;
      to.emplace(key, std::move(tensor));
    }
    expand(result.network.weights, "weights");
    if (!result.network.weights.empty()) check_weights(result.network);
    about(result.network);
  } catch (const Error& e) {
    throw e.within(name);
  }
  return result;
}

std::vector<std::byte> with_metadata(const Bytes& bytes, const std::string& name,
                                     const Json& metadata) {
  OkoFile read = read_oko(bytes, name, Verify::kChecksum);
  read.network.metadata = metadata;
  about(read.network);  // throws for what a reader would reject
  Safetensors file = read_safetensors(bytes, name);
  file.metadata["network"] = serialized(read.network);
  if (read.extra.empty()) file.metadata[kHash] = content_hash(read.network);
  file.metadata.erase(kChecksum);
  file.metadata.emplace(kChecksum, checksum_of(file));
  return write_safetensors(file);
}

}  // namespace oko::graph
