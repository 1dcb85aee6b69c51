#include "oko/formats/format.h"

#include <algorithm>
#include <utility>

namespace oko::formats {
namespace {

std::string joined(const std::vector<std::string>& names, const char* before) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + (before + name);
  return text;
}

class Check {
 public:
  Check(const Format& format, const WriteOptions& options)
      : format_(format), options_(options), limits_(format.limits(options)) {}

  void run() const {
    if (options_.program && !format_.has_program) refuse("--ml-program", program_hint());
    check_precision();
    if (options_.boxes && limits_.no_boxes != nullptr) refuse("--boxes", limits_.no_boxes);
    if (!limits_.info) check_info();
  }

 private:
  [[noreturn]] void refuse(const std::string& flag, const std::string& hint) const {
    const char* program = options_.program && format_.has_program ? " --ml-program" : "";
    throw Error(ErrorCode::kUsage, std::string("--to ") + format_.name + program,
                "cannot be combined with " + flag, hint);
  }

  std::string program_hint() const {
    std::vector<std::string> names;
    for (const Format* other : formats()) {
      if (other->has_program) names.push_back(other->name);
    }
    return "use it with " + joined(names, "--to ");
  }

  void check_precision() const {
    using graph::Precision;
    if (options_.precision == Precision::kFloat32) return;
    if (!limits_.float16) {
      refuse("--precision", std::string(format_.title) + " stores only 32-bit floats");
    }
    if (options_.precision == Precision::kFloat16 || limits_.int8) return;
    std::vector<std::string> names;
    for (const Format* other : formats()) {
      if (other->limits != nullptr && other->limits({}).int8) names.push_back(other->name);
    }
    refuse("--precision int8", "use fp16 here, or " + joined(names, "--to "));
  }

  void check_info() const {
    const ModelInfo& info = options_.info;
    const std::pair<const std::string&, const char*> fields[] = {
        {info.description, "--description"},
        {info.author, "--author"},
        {info.license, "--license"},
        {info.version, "--model-version"}};
    for (const auto& [text, flag] : fields) {
      if (!text.empty()) refuse(flag, "this format cannot store it; drop the flag");
    }
  }

  const Format& format_;
  const WriteOptions& options_;
  const Limits limits_;
};

}  // namespace

File text_file(std::string name, std::string text) {
  return {std::move(name), Bytes(std::string_view(text))};
}

const Format* find_format(std::string_view name) {
  const auto found =
      std::ranges::find_if(formats(), [&](const Format* format) { return format->name == name; });
  return found == formats().end() ? nullptr : *found;
}

std::vector<std::string> writable_formats() {
  std::vector<std::string> names;
  for (const Format* format : formats()) {
    if (format->write != nullptr) names.push_back(format->name);
  }
  return names;
}

void refuse_layer(const graph::Network& network, int layer, const char* title) {
  throw input_error(graph::place_of(network, static_cast<std::size_t>(layer)),
                    std::string(title) + " models cannot contain this kind of layer",
                    "export to another format");
}

std::string readable_titles() {
  std::vector<std::string> titles;
  for (const Format* format : formats()) {
    if (format->read != nullptr) titles.emplace_back(format->title);
  }
  const std::string last = titles.back();
  titles.pop_back();
  return joined(titles, "") + " or " + last;
}

std::string models_in_two_files() {
  std::vector<std::string> pairs;
  for (const Format* format : formats()) {
    if (format->weight_extensions.empty()) continue;
    pairs.push_back("a " + std::string(format->extensions.front()) + " and its " +
                    std::string(format->weight_extensions.front()));
  }
  return joined(pairs, "");
}

void check_options(const Format& format, const WriteOptions& options) {
  if (format.write == nullptr) {
    throw Error(ErrorCode::kUsage, std::string("--to ") + format.name,
                "this format can only be read", "use one of " + joined(writable_formats(), ""));
  }
  Check(format, options).run();
}

}  // namespace oko::formats
