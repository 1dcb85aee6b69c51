// needs: graph
// Any file is rejected or gives a network that can be costed, drawn, resized, written and read
// again.

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/graph/about.h"
#include "oko/graph/cost.h"
#include "oko/graph/draw.h"
#include "oko/graph/oko_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::graph;
  const oko::Bytes bytes(std::string_view(reinterpret_cast<const char*>(data), size));
  OkoFile file;
  try {
    file = read_oko(bytes, "input");
  } catch (const oko::Error&) {
    return 0;
  }
  const About said = about(file.network);
  const auto classes = static_cast<std::size_t>(file.network.class_count());
  if (!said.thresholds.empty() && said.thresholds.size() != classes) std::abort();
  for (const float threshold : said.thresholds) {
    if (!(threshold >= 0 && threshold <= 1)) std::abort();
  }
  if (said.info.version.size() > kLongestInfo) std::abort();
  total_cost(file.network);
  peak_activation_bytes(file.network);
  to_dot(file.network);
  to_svg(file.network);
  const OkoFile again =
      read_oko(oko::Bytes(write_oko(file.network, file.extra)), "written", Verify::kChecksum);
  if (again.network.layers != file.network.layers) std::abort();
  if (again.network.weights.size() != file.network.weights.size()) std::abort();
  if (about(again.network).thresholds != said.thresholds) std::abort();
  if (again.hash != (file.extra.empty() ? content_hash(file.network) : "")) std::abort();
  try {
    resized(file.network, 96, 64);
  } catch (const oko::Error&) {
  }
  return 0;
}
