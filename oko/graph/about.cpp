#include "oko/graph/about.h"

#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/sha256.h"
#include "oko/graph/network_json.h"

namespace oko::graph {
namespace {

constexpr const char *kInfo = "info", *kTraining = "training", *kMetrics = "metrics",
                     *kThresholds = "thresholds", *kQuantization = "quantization";
constexpr std::size_t kHashDigits = 64;

// Calls visit(key, text) for every text of an Info.
void for_each_text(auto& info, const auto& visit) {
  visit("description", info.description);
  visit("author", info.author);
  visit("license", info.license);
  visit("version", info.version);
}

// A member of an object in the metadata, or null.
const Json* member_of(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(key);
  return found == json.end() ? nullptr : &*found;
}

double number_or_zero(const Json& json, const char* key) {
  const Json* value = member_of(json, key);
  if (value == nullptr || !value->is_number()) return 0;
  const double number = value->get<double>();
  return std::isfinite(number) ? number : 0;
}

std::int64_t count_or_zero(const Json& json, const char* key) {
  const Json* value = member_of(json, key);
  return value != nullptr && value->is_number_integer() ? value->get<std::int64_t>() : 0;
}

std::string text_or_none(const Json& json, const char* key) {
  const Json* value = member_of(json, key);
  if (value == nullptr || !value->is_string()) return {};
  std::string text = value->get<std::string>();
  return text.size() > kLongestInfo ? std::string() : text;
}

Info info_of(const Json& json, const std::string& place) {
  Info info;
  if (!json.is_object()) throw input_error(place, "must be an object");
  for_each_text(info, [&](const char* key, std::string& text) {
    text = json_get_or<std::string>(json, key, "", place);
    if (text.size() > kLongestInfo) {
      throw input_error(place, std::string("\"") + key + "\" is longer than " +
                                   std::to_string(kLongestInfo) + " bytes");
    }
  });
  return info;
}

Measured measured_of(const Json& json) {
  Measured measured;
  measured.map50 = number_or_zero(json, "map50");
  measured.map = number_or_zero(json, "map");
  measured.dataset = text_or_none(json, "dataset");
  measured.split = text_or_none(json, "split");
  measured.images = count_or_zero(json, "pictures");
  measured.hash = text_or_none(json, "hash");
  if (measured.hash.size() != kHashDigits) measured.hash.clear();
  return measured;
}

std::vector<float> thresholds_of(const Json& list, int classes, const std::string& place) {
  if (!list.is_array() || list.size() != static_cast<std::size_t>(classes)) {
    throw input_error(place, "must be a list with one number for each of the " +
                                 std::to_string(classes) + " classes");
  }
  std::vector<float> thresholds;
  for (const Json& one : list) {
    const double value = one.is_number() ? one.get<double>() : -1;
    if (!(value >= 0 && value <= 1)) {
      throw input_error(place, "has " + one.dump() + ", which is not a number from 0 to 1");
    }
    thresholds.push_back(static_cast<float>(value));
  }
  return thresholds;
}

// Each piece after its length, so that no two contents give the same bytes.
void add_piece(Sha256& hash, std::span<const std::byte> bytes) {
  std::array<std::byte, sizeof(std::uint64_t)> length{};
  for (std::size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<std::byte>(std::uint64_t{bytes.size()} >> 8 * i & 0xffU);
  }
  hash.add(length);
  hash.add(bytes);
}

}  // namespace

About about(const Network& network) {
  const Json& metadata = network.metadata;
  const std::string place = network.name.empty() ? "network" : network.name;
  About about;
  if (const Json* info = member_of(metadata, kInfo)) about.info = info_of(*info, place + ": info");
  if (const Json* training = member_of(metadata, kTraining)) {
    about.trained = count_or_zero(*training, "time");
  }
  const Json* metrics = member_of(metadata, kMetrics);
  if (metrics != nullptr && metrics->is_object()) about.measured = measured_of(*metrics);
  if (const Json* thresholds = member_of(metadata, kThresholds)) {
    about.thresholds = thresholds_of(*thresholds, network.class_count(), place + ": thresholds");
  }
  return about;
}

void set_info(Network& network, const Info& info) {
  Json json = Json::object();
  for_each_text(info, [&](const char* key, const std::string& text) {
    if (!text.empty()) json[key] = text;
  });
  network.metadata.erase(kInfo);
  if (!json.empty()) network.metadata[kInfo] = std::move(json);
}

void set_trained(Network& network, std::int64_t seconds) {
  network.metadata[kTraining]["time"] = seconds;
}

void set_measured(Network& network, const Measured& measured, const Json& more) {
  Json json = {{"map50", measured.map50},     {"map", measured.map},
               {"pictures", measured.images}, {"dataset", measured.dataset},
               {"split", measured.split},     {"hash", measured.hash}};
  json.update(more);
  network.metadata[kMetrics] = std::move(json);
}

void set_thresholds(Network& network, const std::vector<float>& thresholds) {
  network.metadata.erase(kThresholds);
  if (thresholds.empty()) return;
  Json list = Json::array();
  for (const float threshold : thresholds) list.push_back(shortest_decimal(threshold));
  network.metadata[kThresholds] = std::move(list);
}

std::string content_hash(const Network& network) {
  Json json = network_to_json(network);
  json.erase("name");
  json.erase("metadata");
  if (const Json* quantization = member_of(network.metadata, kQuantization)) {
    json[kQuantization] = *quantization;
  }
  Sha256 hash;
  const auto add = [&](std::string_view text) {
    add_piece(hash, std::as_bytes(std::span(text.data(), text.size())));
  };
  add(json.dump());
  for (const auto& [name, tensor] : network.weights) {
    static_assert(std::endian::native == std::endian::little);  // as files are
    add(name);
    add_piece(hash, tensor.data.span());
  }
  return hash.hex();
}

}  // namespace oko::graph
