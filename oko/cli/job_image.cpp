#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <system_error>

#include "oko/base/source_date.h"
#include "oko/cli/job.h"
#include "oko/cli/stoppable.h"
#include "oko/cli/table.h"
#include "oko/package/image.h"
#include "oko/storage/bucket/environment.h"
#include "oko/storage/temporary.h"

namespace oko::cli {
namespace {

using package::Image;

struct ImageArguments {
  std::string name, folder, archive, base;
  package::ImageOptions options;
};

namespace fs = std::filesystem;

std::string scratch_prefix() { return storage::join(storage::temporary_folder(), "oko-image-"); }

// Beside the folder that it will become.
std::string prefix_beside(const std::string& folder) {
  const fs::path target = fs::absolute(folder).lexically_normal();
  std::error_code error;
  if (fs::exists(target, error) && !fs::is_empty(target, error)) {
    throw Error(ErrorCode::kUsage, folder, "is not empty", "name a new folder");
  }
  fs::create_directories(target.parent_path(), error);
  return (target.parent_path() / ("." + target.filename().string() + ".oko-part-")).string();
}

void check(ImageArguments& arguments) {
  const bool to_disk = !arguments.folder.empty() || !arguments.archive.empty();
  if (!arguments.folder.empty() && !arguments.archive.empty()) {
    throw Error(ErrorCode::kUsage, "--archive", "cannot be combined with --to", "omit one of them");
  }
  if (arguments.name.empty() && !to_disk) {
    throw Error(ErrorCode::kUsage, "image", "the image's name is missing",
                "oko job image REGISTRY/NAME:TAG, or --to FOLDER");
  }
  while (arguments.folder.size() > 1 && arguments.folder.ends_with('/')) {
    arguments.folder.pop_back();
  }
  if (!arguments.base.empty()) {
    arguments.options.base = package::parse_image_reference(arguments.base);
  }
  arguments.options.version = OKO_VERSION;
  arguments.options.created = source_date(storage::bucket::process_environment);
}

void describe(const Image& image, Context& context, Json& json) {
  Table table({"layer", "size", "digest"});
  Json layers = Json::array();
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    const package::Descriptor& layer = image.layers[i];
    const bool is_last = i + 1 == image.layers.size();
    const char* what = i < image.base_layers ? "base" : is_last ? "oko" : "libraries";
    table.add({what, bytes_text(static_cast<double>(layer.size)), layer.digest});
    layers.push_back({{"what", what}, {"size", layer.size}, {"digest", layer.digest}});
  }
  context.say_lines(table.text());
  json["digest"] = image.digest;
  json["layers"] = std::move(layers);
}

void push(const Image& image, const ImageArguments& arguments,
          const package::ImageReference& reference, Context& context, Progress& progress,
          Json& json) {
  const package::Pushed pushed =
      package::push_image(image, reference, arguments.options.registry, progress);
  context.say(fmt::format("{} uploaded ({}), {} mounted, {} already there",
                          counted(static_cast<std::int64_t>(pushed.uploaded), "layer"),
                          bytes_text(static_cast<double>(pushed.uploaded_bytes)), pushed.mounted,
                          pushed.already_there));
  package::ImageReference name = reference;
  name.tag.clear();
  name.digest = image.digest;
  context.say("image " + name.text());
  json["image"] = name.text();
  json["uploaded"] = pushed.uploaded;
  json["uploaded_bytes"] = pushed.uploaded_bytes;
  json["mounted"] = pushed.mounted;
  json["already_there"] = pushed.already_there;
}

void write_to_disk(ImageArguments& arguments, const std::string& tag, Context& context,
                   Progress& progress, Json& json) {
  const bool is_folder = !arguments.folder.empty();
  storage::TemporaryFolder folder(is_folder ? prefix_beside(arguments.folder) : scratch_prefix());
  const Image image = package::build_image(arguments.options, folder.path(), tag, progress);
  package::fetch_base(image, arguments.options.registry, progress);
  describe(image, context, json);
  is_folder ? folder.keep_as(arguments.folder) : package::write_archive(image, arguments.archive);
  const std::string& out = is_folder ? arguments.folder : arguments.archive;
  context.say("image " + out + " " + image.digest);
  json["file"] = out;
}

void make_image(ImageArguments& arguments, Context& context) {
  check(arguments);
  Json json;
  StoppableProgress progress(*context.progress);
  std::optional<package::ImageReference> reference;
  if (!arguments.name.empty()) reference = package::parse_image_reference(arguments.name);
  if (!arguments.folder.empty() || !arguments.archive.empty()) {
    write_to_disk(arguments, reference ? reference->version() : "latest", context, progress, json);
  } else {
    const storage::TemporaryFolder scratch(scratch_prefix());
    const Image image =
        package::build_image(arguments.options, scratch.path(), reference->version(), progress);
    describe(image, context, json);
    push(image, arguments, *reference, context, progress, json);
  }
  context.emit(json);
}

}  // namespace

void add_job_image_command(CLI::App& job, Context& context) {
  CLI::App* command = job.add_subcommand("image", "Make a container image of oko and push it");
  const auto arguments = std::make_shared<ImageArguments>();
  command->add_option("IMAGE", arguments->name, "REGISTRY/NAME:TAG")->type_name("IMAGE");
  command->add_option("--to", arguments->folder, "Write an OCI layout here instead of pushing")
      ->type_name("FOLDER");
  command->add_option("--archive", arguments->archive, "Write one tar file instead of pushing")
      ->type_name("FILE");
  command
      ->add_option("--base", arguments->base,
                   "Image to build on, by tag or digest (default: nothing but oko)")
      ->type_name("IMAGE");
  command
      ->add_option("--program", arguments->options.bundle.program,
                   "bin/oko of another installation (default: this one)")
      ->type_name("FILE");
  command->add_flag("--plain-http", arguments->options.registry.plain_http,
                    "Use http, not https, also for registries on other machines");
  command->add_flag("--whole", arguments->options.bundle.whole,
                    "Include video and other engines, which training does not use");
  command->footer(R"(
Neither Docker nor root is needed. Logins of docker login and podman login are used, and Google's
credentials for its registries. The same oko gives the same image, byte for byte.

Examples:
  oko job image europe-docker.pkg.dev/my-project/images/oko:1
  oko job image registry.example.com/oko:1 --base docker.io/library/debian:12-slim
  oko job image --archive oko.tar && podman load -i oko.tar)");
  command->callback([arguments, &context] { make_image(*arguments, context); });
}

}  // namespace oko::cli
