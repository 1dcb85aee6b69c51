#include <fmt/format.h>

#include "oko/cli/job.h"
#include "oko/cli/stoppable.h"
#include "oko/cli/table.h"
#include "oko/package/bundle.h"
#include "oko/storage/identity.h"

namespace oko::cli {
namespace {

struct BundleArguments {
  std::string file;
  package::BundleOptions options;
};

void make_bundle(const BundleArguments& arguments, Context& context) {
  if (!arguments.file.ends_with(".tar.gz") && !arguments.file.ends_with(".tgz") &&
      !arguments.file.ends_with(".tar")) {
    throw Error(ErrorCode::kUsage, arguments.file, "is neither a .tar.gz nor a .tar",
                "oko job bundle oko.tar.gz");
  }
  StoppableProgress progress(*context.progress);
  const package::Bundle bundle = package::make_bundle(arguments.options, arguments.file, progress);
  context.say(fmt::format("{}: {}, unpacked {} in {}", arguments.file,
                          bytes_text(static_cast<double>(bundle.bytes)),
                          bytes_text(static_cast<double>(bundle.unpacked_bytes)),
                          counted(static_cast<std::int64_t>(bundle.files), "file")));
  context.say("sha256 " + bundle.sha256);
  context.emit({{"file", arguments.file},
                {"sha256", bundle.sha256},
                {"bytes", bundle.bytes},
                {"unpacked_bytes", bundle.unpacked_bytes},
                {"files", bundle.files}});
}

}  // namespace

void add_job_bundle_command(CLI::App& job, Context& context) {
  CLI::App* command =
      job.add_subcommand("bundle", "Pack oko and all libraries it needs for another machine");
  const auto arguments = std::make_shared<BundleArguments>();
  command->add_option("FILE", arguments->file, "Archive to write: .tar.gz, or .tar")->required();
  command
      ->add_option("--program", arguments->options.program,
                   "bin/oko of another installation (default: this one)")
      ->type_name("FILE");
  command->add_flag("--whole", arguments->options.whole,
                    "Include video and other engines, which training does not use");
  command->footer(R"(
The archive holds a folder oko/. Unpacked anywhere on a Linux machine with the same kind of
processor, oko/oko runs there, whatever is or is not installed; a GPU's driver is the machine's own.

Examples:
  oko job bundle oko.tar.gz
  ssh box 'tar xz && oko/oko --version' < oko.tar.gz
  oko job bundle gs://my-jobs/oko.tar.gz --program /opt/oko-cuda/bin/oko)");
  command->callback([arguments, &context] { make_bundle(*arguments, context); });
}

}  // namespace oko::cli
