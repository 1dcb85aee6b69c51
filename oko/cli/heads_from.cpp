#include "oko/cli/heads_from.h"

#include "oko/base/error.h"
#include "oko/convert/description.h"
#include "oko/convert/model_files.h"
#include "oko/convert/read.h"

namespace oko::cli {

formats::ReadModel read_with_heads(const convert::ModelFiles& files,
                                   const formats::ReadOptions& options,
                                   const std::string& heads_from) {
  formats::ReadOptions raw = options;
  raw.raw_outputs = true;
  const graph::Network bare = convert::read_model(files, raw).network;
  if (!bare.heads().empty()) {
    throw Error(ErrorCode::kUsage, "--heads-from",
                files.files.front().name + " already defines its heads", "omit it");
  }
  graph::Network source = convert::read_model(convert::open_model(heads_from), {}).network;
  if (source.heads().empty()) {
    throw Error(ErrorCode::kUsage, "--heads-from", heads_from + " has no heads",
                "give the model that the file was exported from");
  }
  source.metadata = Json::object();  // how that one was trained, measured, quantized
  formats::ReadOptions described = options;
  described.description = convert::description_for(bare, source);
  formats::ReadModel read = convert::read_model(files, described);
  read.notes.push_back("heads, class names and preprocessing are those of " + heads_from);
  return read;
}

}  // namespace oko::cli
