#include "oko/bench/result.h"

#include <algorithm>
#include <cmath>

#include "oko/base/cut.h"
#include "oko/base/error.h"

namespace oko::bench {
namespace {

constexpr char kFormat[] = "oko-bench";
constexpr int kVersion = 1;
constexpr std::size_t kMostTargets = 32, kMostWord = 256, kMostMessage = 1024;

Json to_json(const Spread& spread) {
  return {{"fastest", spread.fastest}, {"median", spread.median}, {"p90", spread.p90}};
}

// Members of one object of the document, checked.
class Reader {
 public:
  Reader(const Json& object, std::string name) : object_(object), name_(std::move(name)) {}

  Reader at(const char* key) const {
    if (!object_.is_object() || !object_.contains(key)) {
      throw input_error(name_, std::string("\"") + key + "\" is missing");
    }
    return {object_[key], name_ + ": " + key};
  }
  std::string text(const char* key) const { return json_get<std::string>(object_, key, name_); }
  std::string word(const char* key) const {
    std::string word = text(key);
    if (word.size() > kMostWord) throw input_error(name_, std::string(key) + " is too long");
    return word;
  }
  std::vector<std::string> words(const char* key) const {
    const Reader list = at(key);
    if (!list.object_.is_array() || list.object_.size() > kMostTargets) {
      throw input_error(name_, std::string(key) + " is not a short list");
    }
    std::vector<std::string> all;
    for (const Json& item : list.object_) {
      if (!item.is_string()) throw input_error(name_, std::string(key) + " has something else");
      all.push_back(item.get<std::string>());
    }
    return all;
  }
  int count(const char* key) const {
    const int value = json_get<int>(object_, key, name_);
    if (value < 0) throw input_error(name_, std::string(key) + " is negative");
    return value;
  }
  std::uint64_t bytes(const char* key) const {
    return json_get<std::uint64_t>(object_, key, name_);
  }
  double number(const char* key) const {
    const double value = json_get<double>(object_, key, name_);
    if (!(value >= 0) || std::isinf(value)) {
      throw input_error(name_, std::string(key) + " is not a number from 0");
    }
    return value;
  }
  Spread spread(const char* key) const {
    const Reader part = at(key);
    return {part.number("fastest"), part.number("median"), part.number("p90")};
  }

 private:
  const Json& object_;
  std::string name_;
};

}  // namespace

Spread spread_of(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const std::size_t last = times.size() - 1;
  return {times.front(), times[last / 2], times[last * 9 / 10]};
}

Json to_json(const Result& r) {
  return {
      {"format", kFormat},
      {"version", kVersion},
      {"library", r.library},
      {"target", r.target},
      {"targets", r.targets},
      {"precision", r.precision},
      {"machine", {{"abi", r.abi}, {"processor", r.processor}, {"cores", r.cores}}},
      {"model",
       {{"name", r.model},
        {"width", r.width},
        {"height", r.height},
        {"classes", r.classes},
        {"heads", r.heads},
        {"flop", r.flop}}},
      {"frame", {{"width", r.frame_width}, {"height", r.frame_height}}},
      {"threads", r.threads},
      {"warm_up", r.warm_up},
      {"rounds", r.rounds},
      {"open_ms", r.open_ms},
      {"bytes",
       {{"weights", r.weight_bytes}, {"activations", r.activation_bytes}, {"peak", r.peak_bytes}}},
      {"ms",
       {{"total", to_json(r.total)},
        {"prepare", to_json(r.prepare)},
        {"network", to_json(r.network)},
        {"decode", to_json(r.decode)}}}};
}

Result read_result(std::string_view text, const std::string& name) {
  if (text.size() > kMostText) throw input_error(name, "printed more than 1 MiB");
  const Json document = parse_json(text, name);
  const Reader all(document, name);
  if (document.is_object() && document.contains("error")) {
    const std::string message = all.at("error").text("message");
    const std::string_view shown = cut(message, kMostMessage);
    throw input_error(name, std::string(shown) + (shown.size() < message.size() ? "…" : ""));
  }
  if (!document.is_object() || document.value("format", Json()) != kFormat) {
    throw input_error(name, "did not print a measurement");
  }
  if (const int version = all.count("version"); version != kVersion) {
    throw input_error(name,
                      "printed version " + std::to_string(version) + " of its results, not " +
                          std::to_string(kVersion),
                      "build it from the same version of oko");
  }
  const Reader machine = all.at("machine"), model = all.at("model"), frame = all.at("frame");
  const Reader bytes = all.at("bytes"), ms = all.at("ms");
  Result r;
  r.library = all.word("library");
  r.target = all.word("target");
  r.targets = all.words("targets");
  r.precision = all.word("precision");
  r.abi = machine.word("abi");
  r.processor = machine.word("processor");
  r.cores = machine.count("cores");
  r.model = model.word("name");
  r.width = model.count("width");
  r.height = model.count("height");
  r.classes = model.count("classes");
  r.heads = model.count("heads");
  r.flop = model.number("flop");
  r.frame_width = frame.count("width");
  r.frame_height = frame.count("height");
  r.threads = all.count("threads");
  r.warm_up = all.count("warm_up");
  r.rounds = all.count("rounds");
  r.open_ms = all.number("open_ms");
  r.weight_bytes = bytes.bytes("weights");
  r.activation_bytes = bytes.bytes("activations");
  r.peak_bytes = bytes.bytes("peak");
  r.total = ms.spread("total");
  r.prepare = ms.spread("prepare");
  r.network = ms.spread("network");
  r.decode = ms.spread("decode");
  return r;
}

}  // namespace oko::bench
