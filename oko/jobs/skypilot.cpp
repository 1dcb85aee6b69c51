#include "oko/jobs/skypilot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/jobs/shell.h"
#include "oko/storage/places.h"
#include "oko/storage/uri.h"

namespace oko::jobs {
namespace {

constexpr std::array kSettings = {
    Setting{"image", "IMAGE", "Container image with oko and a shell", true}};

// A JSON string is a YAML string in double quotes.
std::string yaml_string(const std::string& text) {
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

// Where SkyPilot puts an input. Only below /tmp does it not need root there, and it quotes no path.
std::string mount_of(const Input& input, const std::string& id) {
  std::string name = input.name.substr(input.name.rfind('/') + 1);
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0 && c != '.' && c != '-'; }, '_');
  return "/tmp/oko-" + id + "/" + name;
}

}  // namespace

std::span<const Setting> skypilot_settings() { return kSettings; }

std::string skypilot_task(const Spec& submitted) {
  Spec spec = submitted;
  std::string mounts;
  for (const Input& input : std::exchange(spec.inputs, {})) {
    const std::string at = mount_of(input, spec.id);
    mounts +=
        fmt::format("  {}: {}\n", yaml_string(at), yaml_string(storage::absolute(input.from)));
    if (input.word) spec.command[*input.word] = at;
  }
  if (storage::is_local(spec.folder)) {
    throw Error(ErrorCode::kUsage, "--job-dir", spec.folder + " is on this machine",
                "name a folder in a bucket: --job-dir gs://BUCKET/jobs/" + spec.id);
  }
  const Resources& r = spec.resources;
  std::string text = "name: " + yaml_string(spec.id) + "\nresources:\n";
  if (r.gpus > 0) {
    if (r.gpu_type.empty()) {
      throw Error(ErrorCode::kUsage, "--gpu-type", "is needed for a SkyPilot task with GPUs");
    }
    text += fmt::format("  accelerators: {}\n",
                        yaml_string(fmt::format("{}:{}", accelerator(r.gpu_type), r.gpus)));
  }
  if (!r.machine.empty()) text += "  instance_type: " + yaml_string(r.machine) + "\n";
  if (!r.region.empty()) text += "  region: " + yaml_string(r.region) + "\n";
  text += fmt::format("  use_spot: {}\n", r.spot);
  text += "  image_id: " + yaml_string("docker:" + spec.setting("image")) + "\n";
  text += fmt::format("num_nodes: {}\n", r.workers);
  text += "envs:\n  OKO_FOLDER: " + yaml_string(spec.folder) + "\n";
  // The folder's job.json is written by `oko job submit`; here by the first node.
  const std::string job = to_json(spec).dump(-1, ' ', true, Json::error_handler_t::replace);
  text += "  OKO_SPEC: " + yaml_string(job) + "\n";
  if (!mounts.empty()) text += "file_mounts:\n" + mounts;
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
