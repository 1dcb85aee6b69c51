#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/cli/data.h"
#include "oko/cli/data_copy.h"
#include "oko/cli/interrupt.h"
#include "oko/cli/table.h"
#include "oko/dataset/tile.h"
#include "oko/image/tiles.h"

namespace oko::cli {
namespace {

struct TileArguments {
  DataArguments data;
  std::string out;
  dataset::TileOptions options;
  bool allow_loss = false;
};

void tile(const TileArguments& arguments, const Context& context) {
  check_new_dataset(arguments.data, arguments.out);
  CopySource source = load_for_copy(arguments.data);
  check_new_dataset(source.data, arguments.out);
  const std::string format = source.data.format;
  const dataset::Fitted copy = fit_for_copy(source, format, arguments.allow_loss);
  const dataset::Tiled tiled = dataset::tiled(copy.data, arguments.options);
  const InterruptGuard guard;
  dataset::write(
      tiled.data, arguments.out, format, *context.progress,
      interruptible(tiled.pictures, arguments.out, [&guard] { return guard.interrupted(); }));
  say_copied(source, {tiled.data, copy.dropped, copy.boxes_clipped, copy.flags_lost}, arguments.out,
             format, context);
  context.say(fmt::format("cut by the edge of a tile: {}", counted(tiled.boxes_cut, "box")));
  if (tiled.boxes_nowhere > 0) {
    context.say(fmt::format("too large for any tile: {}", counted(tiled.boxes_nowhere, "box")));
  }
  if (dataset::split_names(copy.data) == std::vector<std::string>{""}) {
    context.say(
        "note: without splits, tiles of one image may be trained on and validated on: "
        "oko data split first");
  }
  context.say(fmt::format("next: oko train {} --out RUN, then oko eval RUN {} --tiles {}",
                          arguments.out, arguments.data.uri, arguments.options.tiles));
  Json document = summary_json(tiled.data);
  document["dataset"] = arguments.out;
  document["format"] = format;
  document["cut"] = tiled.boxes_cut;
  document["too_large"] = tiled.boxes_nowhere;
  add_copied(document, source, copy);
  context.emit(document);
}

}  // namespace

void add_data_tile_command(CLI::App& data, Context& context) {
  CLI::App* command =
      data.add_subcommand("tile", "Cut large images into overlapping tiles, for small objects");
  const auto arguments = std::make_shared<TileArguments>();
  TileArguments& a = *arguments;
  add_data_arguments(*command, a.data);
  command->add_option("-o,--out", a.out, "New folder to write to")->required()->type_name("FOLDER");
  command->add_option("--tiles", a.options.tiles, "Cut each image into N x N tiles")
      ->check(CLI::Range(2, image::kMostTiles))
      ->capture_default_str()
      ->type_name("N");
  command->add_flag("--whole,!--no-whole", a.options.whole,
                    "Keep the whole images too (default: on)");
  add_split_argument(*command, a.data);
  add_allow_loss(*command, a.allow_loss);
  command->footer(R"(
Training on tiles makes small objects large enough to learn; oko detect and oko eval look for them with
the same --tiles. A box is kept in each tile that shows at least half of it. The source is not changed.

Examples:
  oko data tile aerial -o aerial-tiles --tiles 4
  oko train aerial-tiles --out runs/1
  oko eval runs/1 aerial --tiles 4)");
  command->callback([arguments, &context] { tile(*arguments, context); });
}

}  // namespace oko::cli
