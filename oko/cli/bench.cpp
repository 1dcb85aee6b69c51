#include <fmt/format.h>

#include <memory>
#include <optional>

#include "oko/base/threads.h"
#include "oko/bench/adb.h"
#include "oko/bench/measure.h"
#include "oko/cli/choice.h"
#include "oko/cli/cli.h"
#include "oko/cli/model.h"
#include "oko/cli/stoppable.h"
#include "oko/cli/table.h"
#include "oko/graph/oko_file.h"
#include "oko/storage/store.h"
#include "oko/storage/temporary.h"

namespace oko::cli {
namespace {

struct BenchArguments {
  ModelArguments model;
  std::string size, frame = "1280x720";
  std::string precision = "model", target = "auto";
  int threads = 1, warm_up = 3, rounds = 0;
  bool adb = false;
  std::string serial, program;
};

std::vector<std::byte> model_bytes(const BenchArguments& arguments, const Context& context) {
  if (arguments.adb && !arguments.model.keys.key.empty()) {
    throw Error(ErrorCode::kUsage, "--key", "a sealed model is not copied to a phone in the clear",
                "measure it without --adb, or the .oko file that it was made of");
  }
  const graph::Network network = load_model(arguments.model, arguments.size, context);
  if (network.weights.empty()) {
    throw input_error(arguments.model.path, "has no weights",
                      "oko inspect --profile times networks without weights");
  }
  return graph::write_oko(network);
}

bench::Settings settings_of(const BenchArguments& arguments) {
  const image::Size frame = parse_size(arguments.frame, "--frame");
  bench::Settings settings;
  settings.precision = arguments.precision;
  settings.target = arguments.target;
  settings.frame_width = frame.width;
  settings.frame_height = frame.height;
  settings.threads = arguments.threads > 0 ? arguments.threads : available_processors();
  settings.warm_up = arguments.warm_up;
  settings.rounds = arguments.rounds;
  return settings;
}

std::vector<std::string> words_of(const bench::Settings& settings) {
  return {"--precision", settings.precision,
          "--target",    settings.target,
          "--threads",   std::to_string(settings.threads),
          "--frame",     fmt::format("{}x{}", settings.frame_width, settings.frame_height),
          "--warm-up",   std::to_string(settings.warm_up),
          "--rounds",    std::to_string(settings.rounds)};
}

std::string phone_text(const bench::Phone& phone) {
  std::string text = phone.maker;
  if (!phone.model.empty()) text += (text.empty() ? "" : " ") + phone.model;
  if (!phone.android.empty()) text += (text.empty() ? "" : ", ") + ("Android " + phone.android);
  return text;
}

void say(const bench::Result& r, const std::optional<bench::Phone>& phone, const Context& context) {
  Table table({"of a frame", "fastest ms", "median ms", "90 % within ms"});
  const auto add = [&](const char* part, const bench::Spread& spread) {
    table.add({part, fmt::format("{:.2f}", spread.fastest), fmt::format("{:.2f}", spread.median),
               fmt::format("{:.2f}", spread.p90)});
  };
  add("prepare", r.prepare);
  add("network", r.network);
  add("decode", r.decode);
  add("all", r.total);
  context.say_lines(table.text());
  context.say("");
  context.say(fmt::format("model    {}input {}x{}, {} classes, {:.2f} GFLOP, {}",
                          r.model.empty() ? "" : r.model + ": ", r.width, r.height, r.classes,
                          r.flop / 1e9, r.precision));
  if (phone) context.say("phone    " + phone_text(*phone));
  context.say(fmt::format("machine  {}{} cores, {}, oko {}",
                          r.processor.empty() ? "" : r.processor + "; ", r.cores, r.target,
                          r.library));
  context.say(fmt::format("timed    {} frames of {}x{}, {}, after {} to warm up", r.rounds,
                          r.frame_width, r.frame_height, counted(r.threads, "thread"), r.warm_up));
  context.say(fmt::format(
      "memory   weights {}, buffers {}, process at most {}; opened in {:.1f} ms",
      bytes_text(static_cast<double>(r.weight_bytes)),
      bytes_text(static_cast<double>(r.activation_bytes)),
      r.peak_bytes > 0 ? bytes_text(static_cast<double>(r.peak_bytes)) : "unknown", r.open_ms));
}

// Without the serial number: the document is made to be shared.
Json as_json(const bench::Result& result, const std::optional<bench::Phone>& phone) {
  Json document = to_json(result);
  if (phone) {
    document["phone"] = {
        {"maker", phone->maker}, {"model", phone->model}, {"android", phone->android}};
  }
  return document;
}

void run_bench(const BenchArguments& arguments, const Context& context) {
  bench::Settings settings = settings_of(arguments);
  std::optional<bench::Phone> phone;
  std::string program;
  if (arguments.adb) {  // before the model is read: most that is wrong is wrong here
    phone = bench::find_phone(arguments.serial);
    program = bench::program_for(*phone, arguments.program);
  }
  const std::vector<std::byte> bytes = model_bytes(arguments, context);
  bench::Result result;
  if (phone) {
    const storage::TemporaryFolder folder;
    const std::string file = folder.file("model.oko");
    storage::write(file, bytes);
    StoppableProgress progress(*context.progress);
    result = bench::measure_on(*phone, program, file, words_of(settings), progress,
                               [&] { return progress.interrupted(); });
  } else {
    settings.bytes = bytes;
    result = bench::measure(settings);
  }
  say(result, phone, context);
  context.emit(as_json(result, phone));
}

std::vector<std::string> all_targets() {
  std::vector<std::string> names = {"auto"};
  for (int i = static_cast<int>(SimdTarget::kWasm); i >= 0; --i) {
    names.emplace_back(name_of(static_cast<SimdTarget>(i)));
  }
  return names;
}

void add_phone_arguments(CLI::App& command, BenchArguments& arguments) {
  CLI::Option* adb =
      command.add_flag("--adb", arguments.adb, "Measure on an Android phone connected by adb");
  command
      .add_option("--serial", arguments.serial, "Serial number of the phone, if there are several")
      ->type_name("NAME")
      ->needs(adb);
  command
      .add_option("--program", arguments.program,
                  "The program oko-bench for the phone (default: the installed one)")
      ->type_name("FILE")
      ->needs(adb);
}

}  // namespace

void add_bench_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("bench", "Time a model as an app runs it, here or on a phone");
  const auto arguments = std::make_shared<BenchArguments>();
  add_model_arguments(*command, arguments->model);
  command->add_option("--size", arguments->size, "Input size, if not the model's own")
      ->type_name("WxH");
  command->add_option("--frame", arguments->frame, "Size of the camera's frames")
      ->capture_default_str()
      ->type_name("WxH");
  add_choice(*command, "--precision", arguments->precision,
             "Precision (model: int8 if quantized and not slower here, else fp32)",
             {"model", "fp32", "fp16", "int8"});
  add_choice(*command, "--target", arguments->target,
             "Instruction set (auto: the best of the machine)", all_targets());
  command
      ->add_option("--threads", arguments->threads, "CPU threads (0: one per core of this machine)")
      ->check(thread_range())
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--warm-up", arguments->warm_up, "Frames before the timed ones")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str()
      ->type_name("N");
  command
      ->add_option("--rounds", arguments->rounds, "Timed frames (0: as many as fit in two seconds)")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str()
      ->type_name("N");
  add_phone_arguments(*command, *arguments);
  command->footer(R"(
Examples:
  oko bench runs/1 --threads 4
  oko bench model.oko --adb
  oko bench model.oko --adb --serial 39V4C19114021806 --json > pixel.json)");
  command->callback([arguments, &context] { run_bench(*arguments, context); });
}

}  // namespace oko::cli
