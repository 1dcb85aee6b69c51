#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/base/json.h"
#include "oko/jobs/backend.h"

// What a cluster's objects say of a job, in plain words. Objects are whatever the server sent:
// nothing in them is relied on.
namespace oko::jobs::kubernetes {

struct Findings {
  Json job;
  std::vector<Json> pods;    // of the job
  std::vector<Json> events;  // about the job and its pods
  // Of the cluster; nothing if they were not needed or may not be seen.
  std::optional<std::vector<Json>> nodes;
};

Observation observation_of(const Findings& findings);

// Whether a pod waits for a node that fits it: then nodes are worth looking at.
bool waits_for_a_node(const std::vector<Json>& pods);
bool is_finished(const Json& job);  // it has the condition Complete or Failed
// Newest first.
void sort_by_age(std::vector<Json>& pods);

// The text at a/b/c of an object, "" if there is none.
std::string text_at(const Json& object, const char* pointer);

}  // namespace oko::jobs::kubernetes
