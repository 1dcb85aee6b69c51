#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "oko/jobs/backend.h"
#include "oko/jobs/kubernetes/api.h"
#include "oko/jobs/kubernetes/options.h"

namespace oko::jobs::kubernetes {

// Indexed jobs of a cluster, through its API server alone.
class KubernetesBackend final : public Backend {
 public:
  explicit KubernetesBackend(Environment environment = storage::bucket::process_environment,
                             storage::http::Policy policy = Api::usual_policy());

  std::string_view name() const override { return "kubernetes"; }
  std::string_view about() const override { return "a Kubernetes cluster, by kubectl's settings"; }
  std::span<const Setting> settings() const override { return kubernetes::settings(); }
  std::string default_folder(const Spec& spec, const std::string& registry) const override;

  void check(const Spec& spec) const override;
  std::string preview(const Spec& spec) const override;
  Json submit(const Spec& spec, Folder& folder, Progress& progress) const override;
  Observation observe(const Spec& spec, const Json& engine) const override;
  void cancel(const Spec& spec, const Json& engine) const override;
  std::string engine_log(const Spec& spec, const Json& engine, int lines) const override;

 private:
  // A job's API server, and what identifies the job there.
  struct Found {
    Api& api;
    std::string space, name, uid;
  };
  // `server` helps where the context has another name on this machine; may be empty.
  Api& api_of(const std::string& context, const std::string& server = {}) const;
  Found found(const Json& engine) const;
  // The job's object; nothing if there is none, or another one of the same name.
  static std::optional<Json> find_job(const Found& found, const Json& engine);
  Json create_job(Api& api, const std::string& space, const Json& body, Progress& progress) const;
  void create_service(Api& api, const std::string& space, const Spec& spec, const Json& job) const;

  Environment environment_;
  storage::http::Policy policy_;
  // One for each context, so that a plugin is not asked again each time a job is looked at.
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::unique_ptr<Api>> apis_;
};

// Whose nodes a cluster has: the user's word, else what the kubeconfig gives away.
Cloud cloud_of(const Options& options, const Access& access);

}  // namespace oko::jobs::kubernetes
