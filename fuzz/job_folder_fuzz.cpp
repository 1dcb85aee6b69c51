// needs: jobs
// What others wrote into a job's folder, and what launchers set, is rejected or makes sense.

#include <cstdlib>
#include <string>
#include <string_view>

#include "oko/base/error.h"
#include "oko/jobs/placement.h"
#include "oko/jobs/process.h"
#include "oko/jobs/seen.h"
#include "oko/jobs/spec.h"
#include "oko/jobs/state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko;
  using namespace oko::jobs;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const Json json = parse_json(text, "input");
    try {
      const Spec spec = spec_from_json(json, "input");
      if (to_json(spec_from_json(to_json(spec), "again")) != to_json(spec)) std::abort();
      for (const Input& input : spec.inputs) {
        if (input.name.starts_with("/") || input.word >= spec.command.size()) std::abort();
      }
    } catch (const Error&) {
    }
    try {
      if (state_from_json(json, "input").seconds(1e9) < 0) std::abort();
    } catch (const Error&) {
    }
    try {
      const Json seen = to_json(seen_from_json(json, "input"));
      if (to_json(seen_from_json(seen, "again")) != seen) std::abort();
    } catch (const Error&) {
    }
    try {
      process_from_json(json, "input");
    } catch (const Error&) {
    }
  } catch (const Error&) {
  }
  try {
    const Placement placement = placement_of([&](const char* name) -> std::optional<std::string> {
      if (std::string_view(name) != "CLUSTER_SPEC") return std::nullopt;
      return std::string(text);
    });
    if (placement.rank < 0 || placement.rank >= placement.size) std::abort();
  } catch (const Error&) {
  }
  const std::size_t middle = size / 2;
  if (const auto process = parse_process(text.substr(0, middle), text.substr(middle))) {
    if (process->boot.empty()) std::abort();
  }
  return 0;
}
