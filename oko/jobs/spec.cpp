#include "oko/jobs/spec.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <random>

#include "oko/base/error.h"
#include "oko/base/file_name.h"

namespace oko::jobs {
namespace {

constexpr std::size_t kLongestId = 40;
constexpr std::size_t kMostWords = 4096;
constexpr int kVersion = 1;

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string fault_in_id(std::string_view id) {
  if (id.empty()) return "is empty";
  if (id.size() > kLongestId) return fmt::format("has more than {} characters", kLongestId);
  if (!is_letter(id.front())) return "does not begin with a letter a-z";
  if (id.back() == '-') return "ends with '-'";
  for (const char c : id) {
    if (!is_letter(c) && !is_digit(c) && c != '-')
      return "has characters other than a-z, 0-9 and '-'";
  }
  return {};
}

Json resources_json(const Resources& r) {
  return {{"workers", r.workers},     {"gpus", r.gpus},        {"gpu_type", r.gpu_type},
          {"machine", r.machine},     {"region", r.region},    {"spot", r.spot},
          {"max_hours", r.max_hours}, {"max_cost", r.max_cost}};
}

double amount(const Json& json, const char* key, const std::string& name) {
  const double value = json_get<double>(json, key, name);
  if (std::isfinite(value) && value >= 0) return value;
  throw input_error(name, fmt::format("\"{}\" is {}: it must not be negative", key, value));
}

int count(const Json& json, const char* key, int least, const std::string& name) {
  constexpr int kMost = 4096;
  const int value = json_get<int>(json, key, name);
  if (value >= least && value <= kMost) return value;
  throw input_error(name,
                    fmt::format("\"{}\" is {}: it must be {} to {}", key, value, least, kMost));
}

Resources resources_from(const Json& json, const std::string& name) {
  Resources r;
  r.workers = count(json, "workers", 1, name);
  r.gpus = count(json, "gpus", 0, name);
  r.gpu_type = json_get<std::string>(json, "gpu_type", name);
  r.machine = json_get<std::string>(json, "machine", name);
  r.region = json_get<std::string>(json, "region", name);
  r.spot = json_get<bool>(json, "spot", name);
  r.max_hours = amount(json, "max_hours", name);
  r.max_cost = amount(json, "max_cost", name);
  return r;
}

const Json& member(const Json& json, const char* key, Json::value_t type, const std::string& name) {
  if (json.is_object() && json.contains(key) && json[key].type() == type) return json[key];
  throw input_error(
      name, fmt::format("has no {} \"{}\"", type == Json::value_t::array ? "list" : "object", key));
}

std::vector<std::string> words_from(const Json& json, const std::string& name) {
  std::vector<std::string> words;
  for (const Json& word : member(json, "command", Json::value_t::array, name)) {
    if (!word.is_string() || words.size() == kMostWords) {
      throw input_error(name, "\"command\" is not a list of words");
    }
    words.push_back(word.get<std::string>());
    if (words.back().find('\0') != std::string::npos) {
      throw input_error(name, "a word of \"command\" contains a NUL character");
    }
  }
  if (words.empty()) throw input_error(name, "\"command\" is empty");
  return words;
}

std::vector<Input> inputs_from(const Json& json, std::size_t words, const std::string& name) {
  std::vector<Input> inputs;
  for (const Json& one : member(json, "inputs", Json::value_t::array, name)) {
    Input input{json_get<std::string>(one, "from", name), json_get<std::string>(one, "name", name)};
    input.is_dataset = json_get<bool>(one, "is_dataset", name);
    if (one.contains("word")) input.word = json_get<std::size_t>(one, "word", name);
    checked_relative_path(input.name, name, "an input");
    if (input.word && *input.word >= words)
      throw input_error(name, "an input belongs to no word of \"command\"");
    inputs.push_back(std::move(input));
  }
  return inputs;
}

}  // namespace

std::string Spec::setting(std::string_view name, std::string fallback) const {
  const auto found = settings.find(std::string(name));
  return found == settings.end() ? fallback : found->second;
}

Json to_json(const Spec& spec) {
  Json inputs = Json::array();
  for (const Input& input : spec.inputs) {
    Json one = {{"from", input.from}, {"name", input.name}, {"is_dataset", input.is_dataset}};
    if (input.word) one["word"] = *input.word;
    inputs.push_back(std::move(one));
  }
  Json settings = Json::object();
  for (const auto& [name, value] : spec.settings) settings[name] = value;
  return {{"job", kVersion},
          {"id", spec.id},
          {"backend", spec.backend},
          {"folder", spec.folder},
          {"command", spec.command},
          {"run", spec.run},
          {"directory", spec.directory},
          {"resources", resources_json(spec.resources)},
          {"settings", std::move(settings)},
          {"inputs", std::move(inputs)},
          {"price", spec.price},
          {"price_source", spec.price_source},
          {"created", spec.created},
          {"version", spec.version}};
}

Spec spec_from_json(const Json& json, const std::string& name) {
  if (const int version = json_get<int>(json, "job", name); version != kVersion) {
    throw input_error(
        name, fmt::format("is a job of version {}; this oko reads version {}", version, kVersion),
        "use the oko that submitted it, or a newer one");
  }
  Spec spec;
  spec.id = json_get<std::string>(json, "id", name);
  if (const std::string fault = fault_in_id(spec.id); !fault.empty()) {
    throw input_error(name, "\"id\" " + fault);
  }
  spec.backend = json_get<std::string>(json, "backend", name);
  spec.folder = json_get<std::string>(json, "folder", name);
  spec.command = words_from(json, name);
  spec.run = json_get<std::string>(json, "run", name);
  spec.directory = json_get<std::string>(json, "directory", name);
  spec.resources = resources_from(member(json, "resources", Json::value_t::object, name), name);
  for (const auto& [key, value] : member(json, "settings", Json::value_t::object, name).items()) {
    if (!value.is_string()) throw input_error(name, "the setting \"" + key + "\" is not a text");
    spec.settings[key] = value.get<std::string>();
  }
  spec.inputs = inputs_from(json, spec.command.size(), name);
  spec.price = amount(json, "price", name);
  spec.price_source = json_get<std::string>(json, "price_source", name);
  spec.created = json_get<std::int64_t>(json, "created", name);
  spec.version = json_get<std::string>(json, "version", name);
  return spec;
}

const std::string& checked_id(const std::string& id) {
  const std::string fault = fault_in_id(id);
  if (fault.empty()) return id;
  throw Error(ErrorCode::kUsage, "--name", "\"" + id + "\" " + fault,
              "a name such as raccoon-1 works with every engine");
}

std::string new_id(std::string_view name, std::int64_t now) {
  constexpr std::size_t kLongestName = 20;
  std::string id;
  for (const char c : name) {
    const char low = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (is_letter(low) || (is_digit(low) && !id.empty())) {
      id += low;
    } else if (!id.empty() && id.back() != '-') {
      id += '-';
    }
    if (id.size() == kLongestName) break;
  }
  while (!id.empty() && id.back() == '-') id.pop_back();
  if (id.empty()) id = "job";
  return fmt::format("{}-{:%m%d-%H%M}-{:04x}", id, fmt::gmtime(static_cast<std::time_t>(now)),
                     std::random_device{}() & 0xffffU);
}

void refuse_what_has_no_effect(const Spec& spec, const std::vector<std::string_view>& unused) {
  const Resources& r = spec.resources;
  for (const std::string_view flag : unused) {
    const bool set = (flag == "--spot" && r.spot) || (flag == "--machine" && !r.machine.empty()) ||
                     (flag == "--region" && !r.region.empty()) ||
                     (flag == "--gpu-type" && !r.gpu_type.empty()) ||
                     (flag == "--gpus" && r.gpus > 0) || (flag == "--workers" && r.workers > 1);
    if (!set) continue;
    throw Error(ErrorCode::kUsage, std::string(flag), "has no effect with --on " + spec.backend,
                "omit it");
  }
}

std::vector<std::string> worker_words(const Spec& spec) { return {"job", "run", spec.folder}; }

}  // namespace oko::jobs
