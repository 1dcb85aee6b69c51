#include <fmt/format.h>

#include <iostream>

#include "oko/base/error.h"
#include "oko/cli/interrupt.h"
#include "oko/cli/standard_streams.h"
#include "oko/cli/store.h"
#include "oko/cli/table.h"
#include "oko/storage/identity.h"
#include "oko/storage/places.h"
#include "oko/storage/transfer/manifest.h"
#include "oko/storage/transfer/plan.h"
#include "oko/storage/transfer/transfer.h"

namespace oko::cli {
namespace {

using storage::TransferAction;
using storage::TransferSummary;

struct CopyArguments {
  std::vector<std::string> uris;  // the last is the destination
  bool recursive = false, verbose = false, no_manifest = false, yes = false;
  storage::TransferOptions options;
};

const char* word_for(TransferAction::Kind kind, bool dry_run) {
  switch (kind) {
    case TransferAction::Kind::kCopied:
      return dry_run ? "would copy" : "copied";
    case TransferAction::Kind::kUnchanged:
      return "unchanged";
    case TransferAction::Kind::kRemoved:
      return dry_run ? "would remove" : "removed";
    case TransferAction::Kind::kFailed:
      return "failed";
  }
  return "";
}

Json json_of(const TransferAction& action) {
  Json json = {{"to", action.to}};
  if (!action.from.empty()) {
    json["from"] = action.from;
    json["size"] = action.size;
  }
  return json;
}

// Prints files as they are copied, and collects them for --json.
class FilePrinter {
 public:
  FilePrinter(const CopyArguments& arguments, const Context& context)
      : arguments_(arguments), context_(context) {}

  void operator()(const TransferAction& action) {
    const bool dry_run = arguments_.options.dry_run;
    const bool changes = action.kind != TransferAction::Kind::kUnchanged;
    if (!arguments_.verbose && !(dry_run && changes)) return;
    const char* word = word_for(action.kind, dry_run);
    if (context_.json) {
      Json json = json_of(action);
      json["what"] = word;
      files_.push_back(std::move(json));
    } else {
      context_.say(fmt::format("{} {}", word, action.to));
    }
  }
  const Json& files() const { return files_; }

 private:
  const CopyArguments& arguments_;
  const Context& context_;
  Json files_ = Json::array();
};

void print_summary(const TransferSummary& summary, const CopyArguments& arguments,
                   const FilePrinter& printer, Context& context) {
  const bool dry_run = arguments.options.dry_run;
  std::string text = fmt::format("{} {} ({})", dry_run ? "would copy" : "copied",
                                 counted(static_cast<std::int64_t>(summary.copied), "file"),
                                 bytes_text(static_cast<double>(summary.bytes)));
  if (summary.unchanged > 0) {
    text += fmt::format(", {} unchanged", grouped(static_cast<std::int64_t>(summary.unchanged)));
  }
  if (summary.removed > 0) {
    text += fmt::format(", {} {}", dry_run ? "would remove" : "removed",
                        grouped(static_cast<std::int64_t>(summary.removed)));
  }
  if (summary.parts_kept > 0) {
    text += fmt::format(", {} reused from before",
                        counted(static_cast<std::int64_t>(summary.parts_kept), "part"));
  }
  if (summary.failed > 0) {
    text += fmt::format(", {} FAILED", grouped(static_cast<std::int64_t>(summary.failed)));
  }
  context.say(text);
  print_skipped(summary.skipped);
  Json skipped = Json::array();
  for (const storage::Skipped& one : summary.skipped) {
    skipped.push_back({{"uri", one.uri}, {"why", one.why}});
  }
  if (!summary.skipped.empty() && arguments.options.remove_extra) {
    context.say("nothing was removed, because something in the source was skipped");
  }
  if (summary.linked_kept > 0) {
    context.say(fmt::format("kept {} in linked folders",
                            counted(static_cast<std::int64_t>(summary.linked_kept), "file")));
  }
  Json errors = Json::array();
  for (const Error& error : summary.errors) {
    context.complain(error);
    errors.push_back({{"place", error.place()}, {"message", error.message()}});
  }
  if (summary.failed > 0) {
    context.exit_code = static_cast<int>(summary.errors.front().code());
    context.say("next: run the same command again to copy the rest");
  }
  context.emit({{"copied", summary.copied},
                {"unchanged", summary.unchanged},
                {"removed", summary.removed},
                {"failed", summary.failed},
                {"bytes", summary.bytes},
                {"parts_kept", summary.parts_kept},
                {"seconds", summary.seconds},
                {"connections", summary.connections},
                {"dry_run", dry_run},
                {"errors", std::move(errors)},
                {"skipped", std::move(skipped)},
                {"files", printer.files()}});
}

// A manifest is appended to: it may not be another existing file, nor one that is copied or
// written.
void check_manifest(const CopyArguments& arguments, const std::vector<std::string>& copied) {
  const std::string& file = arguments.options.manifest;
  if (file.empty()) return;
  const auto refuse = [](const std::string& place, const char* why, const char* hint) {
    throw Error(ErrorCode::kUsage, place, why, hint);
  };
  if (arguments.no_manifest) {
    refuse("--manifest", "cannot be combined with --no-manifest", "omit one of them");
  }
  const std::string identity = storage::identity(file);
  for (const std::string& uri : copied) {
    if (storage::identity(uri) == identity) {
      refuse(file, "is being copied and cannot be the manifest", "name another file");
    }
  }
  for (const std::string& uri : copied) {
    if (arguments.recursive && storage::lies_in(file, uri)) {
      refuse(file, "is inside a folder that is copied and cannot be the manifest",
             "keep it in another folder");
    }
  }
  const auto there = storage::stat(file);
  if ((there && there->is_folder) || !storage::is_manifest(file)) {
    refuse(file, "exists and is not a manifest", "name a new file");
  }
}

// Runs `transfer` with the options that every transfer shares.
template <typename Run>
void run(CopyArguments& arguments, Context& context, const Run& transfer) {
  check_manifest(arguments, arguments.uris);
  FilePrinter printer(arguments, context);
  storage::TransferOptions& options = arguments.options;
  if (options.manifest.empty() && !arguments.no_manifest) {
    options.manifest = storage::usual_manifest(arguments.uris.front(), arguments.uris.back());
  }
  if (arguments.no_manifest) options.manifest.clear();
  options.report = [&](const TransferAction& action) { printer(action); };
  const InterruptGuard guard;
  options.interrupted = [&] { return guard.interrupted(); };
  print_summary(transfer(options), arguments, printer, context);
}

void upload_standard_input(const std::string& to, const Context& context) {
  const auto upload = storage::upload(to);
  read_input([&](std::span<const std::byte> piece) { upload->write(piece); });
  const storage::Entry entry = upload->finish();
  context.say(fmt::format("copied {} to {}", bytes_text(static_cast<double>(entry.size)), to));
  context.emit({{"copied", 1}, {"bytes", entry.size}});
}

// Each file and its destination: inside a folder, or under the name given.
std::vector<storage::TransferPair> pairs_of(const std::vector<std::string>& uris) {
  const std::string& to = uris.back();
  const auto there = to.ends_with('/') ? std::nullopt : storage::stat(to);
  const bool into = to.ends_with('/') || (there && there->is_folder);
  if (!into && uris.size() > 2) {
    throw Error(ErrorCode::kUsage, to, "is not a folder, and there are several files",
                "end it with / to create one");
  }
  std::vector<storage::TransferPair> pairs;
  for (std::size_t i = 0; i + 1 < uris.size(); ++i) {
    pairs.push_back({uris[i], into ? storage::join(to, storage::filename(uris[i])) : to});
  }
  return pairs;
}

void copy(CopyArguments& arguments, Context& context) {
  const auto& uris = arguments.uris;
  if (uris.size() < 2) {
    throw Error(ErrorCode::kUsage, uris.front(), "the destination is missing",
                "oko store cp FROM TO");
  }
  if (uris.size() == 2 && uris.front() == "-") return upload_standard_input(uris.back(), context);
  if (uris.size() == 2 && uris.back() == "-") {
    copy_to_output(uris.front(), 0, storage::kToTheEnd, context);
    return;
  }
  if (!arguments.recursive) {
    const auto pairs = pairs_of(uris);  // before ^C is caught: listing may take a while
    std::vector<std::string> targets;
    for (const storage::TransferPair& pair : pairs) targets.push_back(pair.to);
    check_manifest(arguments, targets);
    return run(arguments, context, [&](const storage::TransferOptions& options) {
      return storage::transfer_files(pairs, options, *context.progress);
    });
  }
  if (uris.size() > 2) {
    throw Error(ErrorCode::kUsage, uris.back(), "--recursive copies one folder at a time",
                "give one source and one destination");
  }
  run(arguments, context, [&](const storage::TransferOptions& options) {
    return storage::transfer_folder(uris.front(), uris.back(), options, *context.progress);
  });
}

void add_transfer_arguments(CLI::App& command, CopyArguments& a) {
  add_filter_arguments(command, a.options.filter);
  command.add_flag("-n,--dry-run", a.options.dry_run, "Only print what would be done");
  command.add_flag("-v,--verbose", a.verbose, "Print a line for each file");
  command.add_flag("--force", a.options.force, "Copy unchanged files too");
  command
      .add_option("--connections", a.options.connections,
                  "Files and parts transferred at a time (0: adaptive)")
      ->check(CLI::Range(0, 256))
      ->type_name("N");
  command
      .add_option("--manifest", a.options.manifest,
                  "File that records what was copied, to resume from")
      ->type_name("FILE");
  command.add_flag("--no-manifest", a.no_manifest, "Do not record what was copied");
}

}  // namespace

void add_copy_commands(CLI::App& store, Context& context) {
  CLI::App* cp = store.add_subcommand("cp", "Copy files or the content of a folder");
  const auto copied = std::make_shared<CopyArguments>();
  cp->add_option("URI", copied->uris,
                 "Sources, then the destination; - is standard input or output")
      ->required();
  cp->add_flag("-r,--recursive", copied->recursive, "Copy everything in a folder");
  add_transfer_arguments(*cp, *copied);
  cp->footer(R"(
With --recursive the content of the first folder is copied into the second, under the same names.
Unchanged files are skipped. A file appears whole or not at all; after an interruption the same
command resumes.

Examples:
  oko store cp -r VOCdevkit gs://my-photos/voc
  oko store cp gs://my-photos/runs/1/model.oko .
  oko store cp -r s3://my-photos/voc voc --include '*.xml'
  tar c photos | oko store cp - s3://my-photos/photos.tar)");
  cp->callback([copied, &context] { copy(*copied, context); });

  CLI::App* sync = store.add_subcommand("sync", "Make a folder the same as another");
  const auto synced = std::make_shared<CopyArguments>();
  synced->uris.resize(2);
  synced->recursive = true;
  sync->add_option("FROM", synced->uris[0], "Folder or bucket")->required();
  sync->add_option("TO", synced->uris[1], "Folder or bucket")->required();
  sync->add_flag("--delete", synced->options.remove_extra,
                 "After copying, remove from TO what FROM does not have");
  sync->add_flag("-y,--yes", synced->yes,
                 "Do not ask before --delete empties TO because FROM is empty or missing");
  add_transfer_arguments(*sync, *synced);
  sync->footer(R"(
Examples:
  oko store sync photos gs://my-photos/photos
  oko store sync s3://my-photos/voc voc --delete --dry-run)");
  sync->callback([synced, &context] {
    // By reference: it is part of what it would otherwise keep alive.
    synced->options.may_empty = [&given = *synced](std::uint64_t files) {
      const std::string count = counted(static_cast<std::int64_t>(files), "file");
      return given.yes || is_confirmed(given.uris[0] + " has no files. Remove " + count + " from " +
                                       given.uris[1] + "?");
    };
    run(*synced, context, [&](const storage::TransferOptions& options) {
      return storage::transfer_folder(synced->uris[0], synced->uris[1], options, *context.progress);
    });
  });
}

}  // namespace oko::cli
