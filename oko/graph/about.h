#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::graph {

// What a model says of itself, kept in Network::metadata: it does not change what the network
// computes. docs/oko-file.md specifies the keys.

// Metrics of the validation that chose the model. Fields that an older oko did not write are empty.
struct Measured {
  double map50 = 0, map = 0;   // mAP at IoU .50, and averaged over .50 to .95
  std::string dataset, split;  // "photos", "val"
  std::int64_t images = 0;
  std::string hash;  // content_hash() of the network that was measured
};

// Texts that its author gave it. Formats that can store them get them on export.
struct Info {
  std::string description{}, author{}, license{}, version{};
  bool operator==(const Info&) const = default;
};
inline constexpr std::size_t kLongestInfo = 4096;  // bytes of each

struct About {
  Info info;
  std::int64_t trained = 0;  // seconds since 1970 when its weights were saved; 0: not known
  std::optional<Measured> measured;
  // The score that a detection of each class should exceed, 0…1, chosen on the validation split;
  // empty if none were.
  std::vector<float> thresholds;
};

// Throws an input Error for thresholds that are not one number from 0 to 1 for each class, and for
// texts that are too long. Metrics and times, which programs only show, are taken where they are
// usable.
About about(const Network& network);

void set_info(Network& network, const Info& info);  // empty texts are removed
void set_trained(Network& network, std::int64_t seconds);
// Replaces earlier metrics. `more`: further members of that object.
void set_measured(Network& network, const Measured& measured, const Json& more = Json::object());
void set_thresholds(Network& network, const std::vector<float>& thresholds);

// SHA-256, in hexadecimal, of everything that decides what the network computes and what is found:
// layers, weights as float32, input, class names, preprocessing, quantization. Not of its name and
// the rest of its metadata.
std::string content_hash(const Network& network);

}  // namespace oko::graph
