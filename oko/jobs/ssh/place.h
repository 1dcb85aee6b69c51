#pragma once

#include <string>

#include "oko/jobs/spec.h"

// Where a job's files are on machines that are reached by SSH.
namespace oko::jobs::ssh {

// The folder for oko there, of --remote-folder.
std::string remote_folder(const Spec& spec);
// The job's folder if none is named.
std::string default_folder(const Spec& spec);
bool is_in_bucket(const Spec& spec);
// Where the job's files are; if its folder is in a bucket, only what the engine writes itself.
std::string folder_on_hosts(const Spec& spec);
// Throws a usage Error if that is not how the user wrote it, because the workers get it as it is.
void check_folder(const Spec& spec);

}  // namespace oko::jobs::ssh
