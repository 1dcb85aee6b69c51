#include "oko/convert/read.h"

#include <utility>

#include "oko/base/error.h"

namespace oko::convert {

formats::ReadModel read_model(const ModelFiles& model, const formats::ReadOptions& options) {
  const formats::Format& format = *model.format;
  const std::string& file = model.files.front().name;
  if (format.read == nullptr) {
    throw input_error(file, std::string(format.title) + " can be written but not read",
                      "open the model it was exported from");
  }
  if (options.network && !format.takes_network) {
    throw Error(ErrorCode::kUsage, "--network", file + " already defines its network",
                "omit it; it is only for weights-only files");
  }
  formats::ReadModel result = format.read(model.files, options);
  if ((!options.heads.anchors.empty() || options.heads.decoding) && !result.has_given_heads) {
    throw Error(ErrorCode::kUsage, options.heads.anchors.empty() ? "--decoding" : "--anchors",
                file + " already defines its heads", "omit it");
  }
  const graph::Shape& input = result.network.input;
  if (options.size &&
      (options.size->width != input.width || options.size->height != input.height)) {
    result.network =
        graph::resized(std::move(result.network), options.size->width, options.size->height);
  }
  return result;
}

}  // namespace oko::convert
