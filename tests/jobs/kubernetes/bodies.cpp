// Prints what oko sends to a cluster, for every kind of job, as a JSON list of {"name", "body"}:
// strict.mjs checks it against the definitions of current Kubernetes.

#include <cstdio>
#include <functional>

#include "oko/jobs/kubernetes/body.h"

namespace {

using namespace oko::jobs;
using kubernetes::Cloud;

Spec plain_spec() {
  Spec spec;
  spec.id = "raccoon-1129-2015-3fa8";
  spec.backend = "kubernetes";
  spec.folder = "gs://bucket/jobs/raccoon";
  spec.command = {"train", "gs://bucket/photos"};
  spec.run = "gs://bucket/jobs/raccoon/run";
  spec.settings["image"] = "registry.example:5000/oko/train@sha256:0123456789abcdef";
  return spec;
}

struct Variant {
  const char* name;
  Cloud cloud;
  std::function<void(Spec&)> change;
};

const Variant kVariants[] = {
    {"plain", Cloud::kOther, [](Spec&) {}},
    {"one GPU on a spot node of GKE", Cloud::kGke,
     [](Spec& spec) {
       spec.resources.gpus = 1;
       spec.resources.gpu_type = "T4";
       spec.resources.spot = true;
       spec.resources.max_hours = 2.5;
     }},
    {"spot on EKS, by machine and region", Cloud::kEks,
     [](Spec& spec) {
       spec.resources.spot = true;
       spec.resources.machine = "g6.2xlarge";
       spec.resources.region = "eu-central-1";
     }},
    {"spot on AKS", Cloud::kAks, [](Spec& spec) { spec.resources.spot = true; }},
    {"four workers with two GPUs each", Cloud::kOther,
     [](Spec& spec) {
       spec.resources.workers = 4;
       spec.resources.gpus = 2;
       spec.settings["node-selector"] = "nvidia.com/gpu.product=Tesla-T4,disk=ssd";
     }},
    {"a claim, secrets, requests", Cloud::kOther,
     [](Spec& spec) {
       spec.folder = "/mnt/photos/jobs/a b$(HOME)";
       spec.settings["volume"] = "photos:/mnt/photos";
       spec.settings["secret"] = "bucket-key";
       spec.settings["pull-secret"] = "registry";
       spec.settings["service-account"] = "trainer";
       spec.settings["cpu"] = "3500m";
       spec.settings["memory"] = "12Gi";
       spec.settings["namespace"] = "ml";
       spec.settings["run-as"] = "1000";
     }},
};

}  // namespace

int main() {
  oko::Json bodies = oko::Json::array();
  for (const Variant& variant : kVariants) {
    Spec spec = plain_spec();
    variant.change(spec);
    const auto options = kubernetes::options_of(spec);
    bodies.push_back(
        {{"name", variant.name}, {"body", kubernetes::job_body(spec, options, variant.cloud)}});
  }
  bodies.push_back({{"name", "service of several workers"},
                    {"body", kubernetes::service_body(plain_spec(), "e3b0c442-98fc-1c14")}});
  std::puts(bodies.dump(1).c_str());
  return 0;
}
