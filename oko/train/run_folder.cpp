#include "oko/train/run_folder.h"

#include <algorithm>
#include <cstdlib>

#include "oko/base/error.h"
#include "oko/run/output.h"
#include "oko/storage/store.h"

namespace oko::train {

void refuse_a_second_run(const run::Paths& paths) {
  if (storage::exists(paths.recipe())) {
    throw Error(ErrorCode::kUsage, paths.folder, "this folder already contains a run",
                "continue it with --resume, or choose another --out");
  }
  if (!storage::exists(paths.folder)) return;
  const std::vector<std::string> own = {paths.log(),    paths.model(),       paths.stage_model(),
                                        paths.report(), paths.checkpoints(), paths.tensorboard()};
  for (const storage::Entry& entry : storage::list(paths.folder)) {
    const auto is_it = [&](const std::string& file) {
      return storage::filename(file) == storage::filename(entry.uri);
    };
    if (std::none_of(own.begin(), own.end(), is_it)) continue;
    throw Error(ErrorCode::kUsage, entry.uri,
                "already exists and belongs to no run; training would overwrite it",
                "choose another --out, or move it away");
  }
}

std::string how_to_continue(const std::string& folder) {
  const char* const job = std::getenv("OKO_JOB");
  if (job == nullptr || *job == '\0') return "continue with oko train --resume --out " + folder;
  return std::string("its job continues it, by itself or with oko job retry ") + job;
}

void check_outputs(const run::Paths& paths) {
  if (!storage::is_local(paths.folder)) return;  // in buckets names cannot conflict
  for (const std::string& file :
       {paths.recipe(), paths.log(), paths.owner(), paths.model(), paths.stage_model(),
        paths.report(), storage::join(paths.checkpoints(), "step-00000000.oko"),
        storage::join(paths.tensorboard(), "events")}) {
    run::check_output(file);
  }
}

}  // namespace oko::train
