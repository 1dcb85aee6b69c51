#include "oko/cli/about_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

#include "oko/cli/detect_output.h"
#include "oko/cli/table.h"
#include "oko/convert/model_files.h"
#include "oko/graph/about.h"
#include "oko/graph/oko_file.h"

namespace oko::cli {
namespace {

std::string time_text(std::int64_t seconds) {
  constexpr std::int64_t kLatest = 253'402'300'799;  // of the year 9999
  if (seconds < 0 || seconds > kLatest) return fmt::format("{} seconds after 1970", seconds);
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

bool is_of_another(const graph::Measured& measured, const ModelHash& hash) {
  return measured.hash != hash.hash;
}

std::string measured_text(const graph::Measured& measured, const ModelHash& hash) {
  std::string text =
      fmt::format("measured mAP50 {:.4f}, mAP50-95 {:.4f}", measured.map50, measured.map);
  if (measured.images > 0) text += fmt::format(" on {}", counted(measured.images, "image"));
  if (!measured.dataset.empty()) text += " of " + measured.dataset;
  if (!measured.split.empty()) text += ", split " + measured.split;
  // Older programs did not say which model they measured.
  if (!measured.hash.empty() && is_of_another(measured, hash)) {
    text += "; of the model that this one was made from: oko eval --save measures it";
  }
  return text;
}

std::string thresholds_text(const graph::Network& network, const std::vector<float>& thresholds) {
  std::string text = "thresholds";
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    text += fmt::format("{} {} {:.3g}", i == 0 ? "" : ",", class_name(network, static_cast<int>(i)),
                        thresholds[i]);
  }
  return text;
}

}  // namespace

ModelHash hash_of(const ModelArguments& model, const graph::Network& network) {
  if (model.keys.key.empty()) {
    const convert::ModelFiles files = convert::open_model(model.path, model.weights);
    if (files.format->is_own) {
      const formats::File& file = files.files.front();
      const graph::OkoFile read = graph::read_oko(file.bytes, file.name);
      return {graph::content_hash(read.network), read.hash};
    }
  }
  return {graph::content_hash(network), ""};
}

std::string about_text(const graph::Network& network, const ModelHash& hash) {
  const graph::About about = graph::about(network);
  std::string text;
  const auto add = [&](const char* what, const std::string& value) {
    if (!value.empty()) text += fmt::format("{} {}\n", what, value);
  };
  add("version", about.info.version);
  add("description", about.info.description);
  add("author", about.info.author);
  add("license", about.info.license);
  if (about.trained != 0) add("saved by training at", time_text(about.trained));
  add("hash", hash.hash);
  if (about.measured) text += measured_text(*about.measured, hash) + "\n";
  if (!about.thresholds.empty()) text += thresholds_text(network, about.thresholds) + "\n";
  if (!text.empty()) text.pop_back();
  return text;
}

Json about_json(const graph::Network& network, const ModelHash& hash) {
  const graph::About about = graph::about(network);
  Json json = {{"version", about.info.version},     {"description", about.info.description},
               {"author", about.info.author},       {"license", about.info.license},
               {"trained", about.trained},          {"hash", hash.hash},
               {"hash_as_stated", !hash.differs()}, {"measured", nullptr},
               {"thresholds", Json::array()}};
  if (about.measured) {
    const graph::Measured& measured = *about.measured;
    json["measured"] = {{"map50", measured.map50},     {"map", measured.map},
                        {"dataset", measured.dataset}, {"split", measured.split},
                        {"images", measured.images},   {"itself", !is_of_another(measured, hash)}};
  }
  for (const float threshold : about.thresholds) {
    json["thresholds"].push_back(shortest_decimal(threshold));
  }
  return json;
}

}  // namespace oko::cli
