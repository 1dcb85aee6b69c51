#include "oko/train/report.h"

#include <utility>

#include "oko/graph/oko_file.h"
#include "oko/run/report.h"
#include "oko/storage/store.h"
#include "oko/train/engine.h"

namespace oko::train {

run::Evaluation write_report(const run::Paths& paths, const dataset::Dataset& val, int threads,
                             const std::string& device, Progress& progress) {
  run::Evaluation evaluation;
  run::ReportInput input;
  input.title = storage::filename(paths.folder);
  input.log = run::read_log(paths.log());
  input.recipe = storage::read_text(paths.recipe());
  if (!val.samples.empty() && storage::exists(paths.model())) {
    graph::Network network =
        graph::read_oko(storage::map(paths.model()), paths.model(), graph::Verify::kChecksum)
            .network;
    auto engine = make_torch_engine(network, {threads, device});
    detect::Detector detector(std::move(network), std::move(engine));
    evaluation = run::evaluate(detector, val, {}, progress);
    input.evaluation = &evaluation;
    input.dataset = &val;
  }
  storage::write(paths.report(), run::make_report(input));
  return evaluation;
}

}  // namespace oko::train
