#include "oko/cli/cli.h"
#include "oko/media/picture.h"

namespace oko::cli {

void add_max_pixels(CLI::App& app) {
  media::set_max_pixels(media::kDefaultMaxPixels);
  app.add_option_function<std::int64_t>("--max-pixels", media::set_max_pixels,
                                        "Reject images with more pixels than this")
      ->check(CLI::Range(std::int64_t{1}, media::kMaxPixelLimit))
      ->default_str(std::to_string(media::kDefaultMaxPixels))
      ->type_name("N");
}

// main.cpp has their names.
void add_light_commands(CLI::App& app, Context& context) {
  add_max_pixels(app);
  add_data_command(app, context);
  add_eval_command(app, context);
  add_quantize_command(app, context);
  add_detect_command(app, context);
  add_import_command(app, context);
  add_inspect_command(app, context);
  add_phone_command(app, context);
  add_bench_command(app, context);
  add_seal_command(app, context);
  add_weights_command(app, context);
}

}  // namespace oko::cli
