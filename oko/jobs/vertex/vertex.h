#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "oko/jobs/backend.h"
#include "oko/jobs/vertex/api.h"

namespace oko::jobs::vertex {

// Custom jobs of Vertex AI, by their REST API. engine.json is {"name": "projects/P/locations/R/
// customJobs/N", "project": "P"}.
class Vertex final : public Backend {
 public:
  explicit Vertex(std::function<ApiOptions()> options = [] { return ApiOptions{}; })
      : options_(std::move(options)) {}

  std::string_view name() const override { return "vertex"; }
  std::string_view about() const override { return "Google Cloud's Vertex AI, by its REST API"; }
  std::span<const Setting> settings() const override;
  std::string_view cloud() const override { return "gcp"; }
  std::string default_folder(const Spec& spec, const std::string& registry) const override;
  void check(const Spec& spec) const override;
  std::string preview(const Spec& spec) const override;
  Json submit(const Spec& spec, Folder& folder, Progress& progress) const override;
  Observation observe(const Spec& spec, const Json& engine) const override;
  void cancel(const Spec& spec, const Json& engine) const override;
  std::string engine_log(const Spec& spec, const Json& engine, int lines) const override;

 private:
  Api& api() const;
  // " Its last line: …", for reasons; empty if the log is empty or cannot be read.
  std::string last_line(const Spec& spec, const Json& engine) const;

  std::function<ApiOptions()> options_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<Api> api_;  // made when it is first needed
};

}  // namespace oko::jobs::vertex
