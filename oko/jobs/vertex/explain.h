#pragma once

#include <string>
#include <string_view>

#include "oko/base/error.h"
#include "oko/jobs/vertex/answers.h"

namespace oko::jobs::vertex {

// What a message of the service means for the user.
struct Explanation {
  std::string reason, hint;  // the hint may be empty
};

// Why a job of `project` in `region` ended or was refused, from the service's own words: which
// quota is missing, that the GPU is sold out, what may be wrong with the image or the bucket. A
// message that is not known is repeated as it is.
Explanation explain(std::string_view message, const std::string& project,
                    const std::string& region);

// The Error for a refused request. `account`: whose credentials; may be empty.
Error refusal_error(const Refusal& refusal, const std::string& project, const std::string& region);

// "custom_model_training_nvidia_l4_gpus in us-central1" is at most this. For a quota that was
// looked up before the job was submitted.
Error quota_error(const std::string& quota, std::int64_t needed, const Quota& limits,
                  const std::string& project, const std::string& region);

}  // namespace oko::jobs::vertex
