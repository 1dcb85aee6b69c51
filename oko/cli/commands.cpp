#include "oko/cli/cli.h"

namespace oko::cli {
void add_all_commands(CLI::App& app, Context& context) {
  add_max_pixels(app);
  add_data_command(app, context);
  add_train_command(app, context);
  add_cost_command(app, context);
  add_job_command(app, context);
  add_eval_command(app, context);
  add_quantize_command(app, context);
  add_detect_command(app, context);
  add_import_command(app, context);
  add_export_command(app, context);
  add_parity_command(app, context);
  add_inspect_command(app, context);
  add_phone_command(app, context);
  add_bench_command(app, context);
  add_seal_command(app, context);
  add_weights_command(app, context);
  add_store_command(app, context);
  add_completion_command(app, context);
  add_help_command(app, context);
}

}  // namespace oko::cli
