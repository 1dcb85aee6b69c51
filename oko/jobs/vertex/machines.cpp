#include "oko/jobs/vertex/machines.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/suggest.h"
#include "oko/jobs/gpus.h"

namespace oko::jobs::vertex {
namespace {

// A GPU that Vertex AI has, and on which machines. Names of accelerators are those of the API's
// enum AcceleratorType (@google-cloud/aiplatform 7.4.0); machines with built-in GPUs are from
// docs.cloud.google.com/compute/docs/gpus, read 2026-04; quotas are named as in Vertex AI's own
// errors (GoogleCloudPlatform/stable-diffusion-on-gcp #12, vertex-ai-samples #700).
struct Offer {
  std::string_view gpu, accelerator, quota;
  // With built-in GPUs: "TYPE=COUNT …", the usual type of each count first. With attached ones:
  // "n1=COUNT …", for every N1 machine.
  std::string_view machines;
};
constexpr std::array kOffers = {
    Offer{"T4", "NVIDIA_TESLA_T4", "t4", "n1=1 n1=2 n1=4"},
    Offer{"P100", "NVIDIA_TESLA_P100", "p100", "n1=1 n1=2 n1=4"},
    Offer{"V100", "NVIDIA_TESLA_V100", "v100", "n1=1 n1=2 n1=4 n1=8"},
    Offer{"L4", "NVIDIA_L4", "l4",
          "g2-standard-8=1 g2-standard-24=2 g2-standard-48=4 g2-standard-96=8 g2-standard-4=1 "
          "g2-standard-12=1 g2-standard-16=1 g2-standard-32=1"},
    Offer{"A100 40GB", "NVIDIA_TESLA_A100", "a100",
          "a2-highgpu-1g=1 a2-highgpu-2g=2 a2-highgpu-4g=4 a2-highgpu-8g=8 a2-megagpu-16g=16"},
    Offer{"A100 80GB", "NVIDIA_A100_80GB", "a100_80gb",
          "a2-ultragpu-1g=1 a2-ultragpu-2g=2 a2-ultragpu-4g=4 a2-ultragpu-8g=8"},
    Offer{"H100", "NVIDIA_H100_80GB", "h100",
          "a3-highgpu-1g=1 a3-highgpu-2g=2 a3-highgpu-4g=4 a3-highgpu-8g=8"},
    Offer{"H200", "NVIDIA_H200_141GB", "h200", "a3-ultragpu-8g=8"},
};
constexpr std::string_view kDefaultGpu = "T4", kDefaultMachine = "n1-standard-8";

struct Place {
  std::string type;
  int count;
};

std::vector<Place> places(std::string_view machines) {
  std::vector<Place> all;
  while (!machines.empty()) {
    const std::string_view one = machines.substr(0, machines.find(' '));
    machines.remove_prefix(std::min(machines.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    Place place{std::string(one.substr(0, equals)), 0};
    std::from_chars(one.data() + equals + 1, one.data() + one.size(), place.count);
    all.push_back(std::move(place));
  }
  return all;
}

const Offer& offer_for(std::string_view wanted) {
  const std::string_view gpu = gpu_named(wanted).name;
  std::vector<std::string_view> known;
  for (const Offer& offer : kOffers) {
    if (offer.gpu == gpu) return offer;
    known.push_back(offer.gpu);
  }
  throw unknown_word(ErrorCode::kUsage, "--gpu-type", "GPU of Vertex AI", gpu, known);
}

// The GPUs that are built into a machine of that type.
struct BuiltIn {
  const Offer* offer;
  int count;
};
std::optional<BuiltIn> built_into(std::string_view machine) {
  for (const Offer& offer : kOffers) {
    for (const Place& place : places(offer.machines)) {
      if (place.type == machine) return BuiltIn{&offer, place.count};
    }
  }
  return std::nullopt;
}

// "1, 2 or 4", "g2-standard-24"
std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

// The CPUs of n1-standard-8, e2-highmem-4, …; 0 if the name does not end in them.
int cpus_of(std::string_view machine) {
  int cpus = 0;
  const std::size_t dash = machine.rfind('-');
  const char* const end = machine.data() + machine.size();
  if (dash == machine.npos) return 0;
  const auto [last, error] = std::from_chars(machine.data() + dash + 1, end, cpus);
  return error == std::errc() && last == end ? cpus : 0;
}

// Enough CPUs to load images for that many GPUs, and within what an N1 machine with so many may
// have.
std::string usual_n1(int gpus) { return "n1-standard-" + std::to_string(gpus * 8); }

std::string type_for(const Offer& offer, const Resources& resources) {
  const std::vector<Place> all = places(offer.machines);
  const bool attached = all.front().type == "n1";
  const std::string gpus = std::to_string(resources.gpus) + " × " + std::string(offer.gpu);
  std::set<int> counts;
  std::vector<std::string> types;
  for (const Place& place : all) {
    counts.insert(place.count);
    if (place.count == resources.gpus) types.push_back(place.type);
  }
  if (types.empty()) {
    std::vector<std::string> possible;
    for (const int count : counts) possible.push_back(std::to_string(count));
    throw Error(ErrorCode::kUsage, "--gpus", "Vertex AI has no machine with " + gpus,
                "use " + listed(possible) + ", and --workers for more");
  }
  const std::string& wanted = resources.machine;
  if (wanted.empty()) return attached ? usual_n1(resources.gpus) : types.front();
  const bool fits = attached ? wanted.starts_with("n1-")
                             : std::find(types.begin(), types.end(), wanted) != types.end();
  if (fits) return wanted;
  throw Error(ErrorCode::kUsage, "--machine", "a " + wanted + " cannot have " + gpus,
              attached ? "use a machine of the N1 series, such as " + usual_n1(resources.gpus)
                       : "use " + listed(types));
}

void check_name(const std::string& type) {
  if (!type.empty() && type.size() <= 64 &&
      type.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos) {
    return;
  }
  throw Error(ErrorCode::kUsage, "--machine", "\"" + type + "\" is not a machine type",
              "use a name such as n1-standard-8");
}

}  // namespace

Machine machine_for(const Resources& resources) {
  Machine machine;
  const std::string quota =
      std::string("custom_model_training_") + (resources.spot ? "preemptible_" : "");
  if (!resources.machine.empty()) check_name(resources.machine);
  const auto built_in = built_into(resources.machine);
  if (resources.gpus == 0) {
    if (built_in) {
      std::string gpu(built_in->offer->gpu);
      std::replace(gpu.begin(), gpu.end(), ' ', '-');  // one word of a command
      const std::string count = std::to_string(built_in->count);
      throw Error(ErrorCode::kUsage, "--machine",
                  "a " + resources.machine + " has " + count + " × " + gpu +
                      ", which would be paid for but not used",
                  "add --gpus " + count + " --gpu-type " + gpu);
    }
    if (!resources.gpu_type.empty()) {
      throw Error(ErrorCode::kUsage, "--gpu-type", "is given, but no GPUs", "add --gpus 1");
    }
    machine.type = resources.machine.empty() ? std::string(kDefaultMachine) : resources.machine;
  } else {
    const bool any = resources.gpu_type.empty();
    const Offer& offer =
        any && built_in ? *built_in->offer : offer_for(any ? kDefaultGpu : resources.gpu_type);
    machine.type = type_for(offer, resources);
    machine.accelerator = offer.accelerator;
    machine.accelerators = resources.gpus;
    machine.gpu_quota = quota + "nvidia_" + std::string(offer.quota) + "_gpus";
  }
  // These series share one quota; others have their own, whose names are not known here.
  machine.cpus = cpus_of(machine.type);
  if (machine.cpus > 0 && (machine.type.starts_with("n1-") || machine.type.starts_with("e2-"))) {
    machine.cpu_quota = quota + "cpus";
  }
  return machine;
}

}  // namespace oko::jobs::vertex
