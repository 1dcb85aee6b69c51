#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oko/base/json.h"
#include "oko/jobs/kubernetes/options.h"
#include "oko/jobs/spec.h"

// What is sent to a cluster.
namespace oko::jobs::kubernetes {

inline constexpr std::string_view kContainer = "oko";
// Where the entries of --secret are, as files.
inline constexpr std::string_view kSecretFolder = "/etc/oko/secret";
// Annotation of a job: its folder, by which submit() recognizes its own.
inline constexpr std::string_view kFolderAnnotation = "oko/folder";

// A batch/v1 Job that runs every worker of `spec` as a pod. Throws usage Errors for what these
// nodes' labels cannot express.
Json job_body(const Spec& spec, const Options& options, Cloud cloud);
// The headless Service by which several workers find worker 0; `uid` is of the Job, with which it
// goes.
Json service_body(const Spec& spec, const std::string& uid);

// What of `sent` is not in `kept`, as paths ("spec.podFailurePolicy"): an old server drops fields
// that it does not know without a word. Elements of lists are compared by position.
std::vector<std::string> dropped_fields(const Json& sent, const Json& kept);
// What a user loses by that, a sentence each.
std::vector<std::string> consequences_of(const std::vector<std::string>& dropped);

}  // namespace oko::jobs::kubernetes
