#include "oko/jobs/skypilot.h"

#include <fmt/format.h>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/jobs/shell.h"
#include "oko/storage/uri.h"

namespace oko::jobs {
namespace {

// A JSON string is a YAML string in double quotes.
std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

// SkyPilot's names have '-' where oko's have ' ': "A100-80GB", "RTX-4090" is "RTX4090".
std::string accelerator(const std::string& gpu) {
  if (gpu == "A100 40GB") return "A100";
  std::string name = gpu;
  const bool is_rtx = name.starts_with("RTX ");
  if (is_rtx) name.erase(3, 1);
  for (char& c : name) c = c == ' ' ? '-' : c;
  return name;
}

}  // namespace

std::string skypilot_task(const Spec& spec) {
  if (storage::is_local(spec.folder)) {
    throw Error(ErrorCode::kUsage, "--job-dir", spec.folder + " is on this machine",
                "name a folder in a bucket: --job-dir gs://BUCKET/jobs/" + spec.id);
  }
  const Resources& r = spec.resources;
  std::string text = "name: " + quoted(spec.id) + "\nresources:\n";
  if (r.gpus > 0) {
    if (r.gpu_type.empty()) {
      throw Error(ErrorCode::kUsage, "--gpu-type", "is needed for a SkyPilot task with GPUs");
    }
    text += fmt::format("  accelerators: {}\n",
                        quoted(fmt::format("{}:{}", accelerator(r.gpu_type), r.gpus)));
  }
  if (!r.machine.empty()) text += "  instance_type: " + quoted(r.machine) + "\n";
  if (!r.region.empty()) text += "  region: " + quoted(r.region) + "\n";
  text += fmt::format("  use_spot: {}\n", r.spot);
  const std::string image = spec.setting("image");
  if (!image.empty()) text += "  image_id: " + quoted("docker:" + image) + "\n";
  text += fmt::format("num_nodes: {}\n", r.workers);
  text += "envs:\n  OKO_FOLDER: " + quoted(spec.folder) + "\n";
  // The folder's job.json is written by `oko job submit`; here by the first node.
  const std::string job = to_json(spec).dump(-1, ' ', true, Json::error_handler_t::replace);
  text += "  OKO_SPEC: " + quoted(job) + "\n";
  text += R"sh(run: |
  set -e
  export RANK="$SKYPILOT_NODE_RANK" WORLD_SIZE="$SKYPILOT_NUM_NODES"
  export MASTER_ADDR="$(echo "$SKYPILOT_NODE_IPS" | head -n 1)"
  if [ "$RANK" = 0 ]; then
    printf '%s' "$OKO_SPEC" | oko store cp - "$OKO_FOLDER/job.json"
  fi
  until oko store stat "$OKO_FOLDER/job.json" > /dev/null 2>&1; do sleep 2; done
  exec oko job run "$OKO_FOLDER"
)sh";
  return text;
}

}  // namespace oko::jobs
