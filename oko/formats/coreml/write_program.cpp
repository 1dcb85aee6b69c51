#include <span>
#include <string>
#include <vector>

#include "oko/base/json.h"
#include "oko/formats/coreml.h"
#include "oko/formats/coreml/describe.h"
#include "oko/formats/coreml/pipeline.h"
#include "oko/formats/coreml/program_layers.h"
#include "oko/formats/coreml/suppressed_rows.h"
#include "oko/graph/fold.h"

namespace oko::formats {
namespace {

namespace proto = oko::coreml;

constexpr int kProgramVersion = 6;  // of the specification: iOS 15

// A manifest entry's identifier, derived from the bytes (FNV-1a, twice).
std::string identifier(std::span<const std::byte> bytes, std::uint64_t seed) {
  std::string digits;
  for (std::uint64_t round = 0; round < 2; ++round) {
    std::uint64_t hash = 0xcbf29ce484222325U ^ (seed * 2 + round);
    for (const std::byte b : bytes) {
      hash = (hash ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3U;
    }
    for (int shift = 60; shift >= 0; shift -= 4) digits += "0123456789ABCDEF"[hash >> shift & 15];
  }
  for (const std::size_t at : {20U, 16U, 12U, 8U}) digits.insert(at, "-");
  return digits;
}

File manifest(const std::string& folder, std::span<const std::byte> model) {
  const std::string root = identifier(model, 1), weights = identifier(model, 2);
  const auto entry = [](const char* what, const char* name) {
    return Json{{"author", "com.apple.CoreML"},
                {"description", what},
                {"name", name},
                {"path", std::string("com.apple.CoreML/") + name}};
  };
  const Json json{{"fileFormatVersion", "1.0.0"},
                  {"itemInfoEntries",
                   {{root, entry("CoreML Model Specification", "model.mlmodel")},
                    {weights, entry("CoreML Model Weights", "weights")}}},
                  {"rootModelIdentifier", root}};
  const std::string text = json.dump(2) + "\n";
  return text_file(folder + "/Manifest.json", text);
}

// The raw heads.
void describe_outputs(const graph::Network& network, proto::Description& to) {
  const std::vector<std::string> names = output_names(network);
  const std::vector<int> outputs = network.outputs();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const graph::Shape& s = network.layers[outputs[i]].output;
    coreml::describe_array(names[i], {1, s.channels, s.height, s.width},
                           coreml::ArrayKind::kFloat32, "Raw network output", *to.add_outputs());
  }
}

}  // namespace

std::vector<File> write_mlpackage(const graph::Network& network, const WriteOptions& options,
                                  const std::string& stem) {
  const graph::Network n = graph::inference_form(network);
  if (options.boxes) coreml::check_pipeline(n, options);
  proto::Model model;
  proto::Description& description = *model.mutable_description();
  coreml::describe_model(n, options.info, *description.mutable_metadata());
  coreml::describe_input(n, coreml::ArrayKind::kFloat32, *description.add_inputs());
  proto::Model& holder = options.boxes ? *model.mutable_pipeline()->add_models() : model;
  holder.set_specification_version(kProgramVersion);
  coreml::WrittenProgram program = coreml::write_program(
      n, options.precision == graph::Precision::kFloat32, options.boxes, *holder.mutable_program());
  if (options.boxes) {
    const int row = coreml::suppressed_row(n.class_count());
    coreml::finish_pipeline(n, options, {program.boxes, row, coreml::ArrayKind::kFloat32}, model);
  } else {
    describe_outputs(n, description);
  }
  const std::string folder = stem + ".mlpackage", data = folder + "/Data/com.apple.CoreML/";
  std::vector<std::byte> bytes = coreml::serialized(model, folder);
  File info = manifest(folder, bytes);
  return {std::move(info),
          {data + "model.mlmodel", Bytes(std::move(bytes))},
          {data + "weights/weight.bin", Bytes(std::move(program.weights))}};
}

}  // namespace oko::formats
