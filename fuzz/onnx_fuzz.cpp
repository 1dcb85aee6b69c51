// needs: formats graph
// Any bytes are rejected or give a network with complete weights; what is written from it is
// accepted too.

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/formats/onnx.h"
#include "oko/formats/recognize.h"
#include "oko/graph/network.h"

namespace {

using namespace oko;

void require(bool condition) {
  if (!condition) std::abort();
}

// Round trips may change the layers: unread ones are dropped, and routes of parts become several.
void write_and_read(const graph::Network& network) {
  std::vector<formats::File> files;
  try {
    files = formats::write_onnx(network, {}, "again");
  } catch (const Error&) {
    return;
  }
  const Bytes file = files[0].bytes;
  const auto signature = formats::onnx_signature(file, "again");
  require(signature.shape == network.input && !signature.outputs.empty());
  try {
    require(formats::read_onnx(file, "again").network.input == network.input);
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes file(std::string_view(reinterpret_cast<const char*>(data), size));
  try {
    formats::Imported imported = formats::read_onnx(file, "input", {64, 64});
    graph::check_weights(imported.network);
    require(!imported.outputs.empty());
    const Bytes part(formats::onnx_part(file, "input", imported.network.input, imported.keys));
    require(formats::onnx_signature(part, "part").outputs == imported.keys);
    write_and_read(imported.network);
    if (formats::recognize_heads(imported)) require(!imported.network.heads().empty());
    graph::check_weights(imported.network);
  } catch (const Error&) {
  }
  try {
    formats::onnx_signature(file, "input");
  } catch (const Error&) {
  }
  return 0;
}
