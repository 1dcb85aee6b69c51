#include "oko/cli/store.h"

#include <fmt/format.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <iostream>
#include <map>
#include <mutex>

#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/cli/standard_streams.h"
#include "oko/cli/table.h"
#include "oko/storage/http/client.h"
#include "oko/storage/pages.h"
#include "oko/storage/places.h"
#include "oko/storage/store.h"
#include "oko/storage/transfer/plan.h"

namespace oko::cli {
namespace {

using storage::Entry;

constexpr std::size_t kRemovedAtOnce = 1000;

struct ListArguments {
  std::string uri;
  bool recursive = false, details = false;
  storage::Filter filter;
};

struct RemoveArguments {
  std::vector<std::string> uris;
  bool recursive = false, dry_run = false, yes = false;
  storage::Filter filter;
};

struct CatArguments {
  std::vector<std::string> uris;
  std::uint64_t offset = 0, count = storage::kToTheEnd;
};

struct MakeArguments {
  std::string uri;
  storage::BucketOptions options;
};

Entry stat_or_refuse(const std::string& uri) {
  if (auto entry = storage::stat(uri)) return *entry;
  const std::string folder = storage::parent(uri);
  if (folder.ends_with(":/") || folder.ends_with("://")) {
    throw input_error(uri, "no such bucket", "check the name, or create it with oko store mb");
  }
  throw input_error(uri, "no such file or folder",
                    "check the name: oko store ls " + (folder.empty() ? "." : folder));
}

Json json_of(const Entry& entry) {
  Json json = {{"uri", entry.uri}, {"folder", entry.is_folder}};
  if (entry.is_folder) return json;
  json["size"] = entry.size;
  json["version"] = entry.version;
  if (entry.crc32c) json["crc32c"] = fmt::format("{:08x}", *entry.crc32c);
  if (!entry.md5.empty()) json["md5"] = entry.md5;
  return json;
}

// Calls `take` with everything in a folder, page by page, and prints what had to be skipped. Ends
// early if the reader of the output has gone.
void for_each(const std::string& folder, bool recursive, const std::function<void(Entry&&)>& take) {
  storage::Pages pages(folder, recursive);
  for (storage::Page page; std::cout.good() && pages.next(page);) {
    for (Entry& entry : page.entries) take(std::move(entry));
    print_skipped(page.skipped);
  }
}

void list(const ListArguments& arguments, const Context& context) {
  const Entry top = stat_or_refuse(arguments.uri);
  Json entries = Json::array();
  const auto print = [&](const Entry& entry) {
    if (context.json) return entries.push_back(json_of(entry));
    const std::string name = entry.is_folder ? storage::as_folder(entry.uri) : entry.uri;
    context.say(
        arguments.details
            ? fmt::format("{:>16}  {}",
                          entry.is_folder ? "" : grouped(static_cast<std::int64_t>(entry.size)),
                          name)
            : name);
  };
  if (!top.is_folder) {
    print(top);
  } else {
    const std::string folder = storage::as_folder(arguments.uri);
    for_each(folder, arguments.recursive, [&](Entry&& entry) {
      if (entry.is_folder || arguments.filter.takes(entry.uri.substr(folder.size()))) print(entry);
    });
  }
  context.emit({{"entries", std::move(entries)}});
}

void show_stat(const std::string& uri, const Context& context) {
  const Entry entry = stat_or_refuse(uri);
  context.emit(json_of(entry));
  context.say("uri      " + entry.uri);
  if (entry.is_folder) return context.say("kind     folder");
  context.say(fmt::format("size     {} bytes ({})", grouped(static_cast<std::int64_t>(entry.size)),
                          bytes_text(static_cast<double>(entry.size))));
  context.say("version  " + entry.version);
  if (entry.crc32c) context.say(fmt::format("crc32c   {:08x}", *entry.crc32c));
  if (!entry.md5.empty()) context.say("md5      " + entry.md5);
}

void cat(const CatArguments& arguments, Context& context) {
  for (const std::string& uri : arguments.uris) {
    if (!copy_to_output(uri, arguments.offset, arguments.count, context)) return;
  }
}

// Sizes of the direct subfolders, and the total.
void usage(const ListArguments& arguments, const Context& context) {
  struct Sum {
    std::int64_t files = 0;
    double bytes = 0;
  };
  const Entry top = stat_or_refuse(arguments.uri);
  std::map<std::string, Sum> sums;
  Sum all;
  const std::string folder = top.is_folder ? storage::as_folder(arguments.uri) : arguments.uri;
  const auto add = [&](const std::string& name, std::uint64_t size) {
    for (Sum* sum : {&sums[name], &all}) {
      ++sum->files;
      sum->bytes += static_cast<double>(size);
    }
  };
  if (!top.is_folder) add("", top.size);
  if (top.is_folder) {
    for_each(folder, true, [&](Entry&& entry) {
      const std::string name = entry.uri.substr(folder.size());
      if (!arguments.filter.takes(name)) return;
      const auto slash = name.find('/');
      add(slash == std::string::npos ? "" : name.substr(0, slash + 1), entry.size);
    });
  }
  Table table({"folder", "files", "size"});
  Json folders = Json::array();
  for (const auto& [name, sum] : sums) {
    table.add({folder + name, grouped(sum.files), bytes_text(sum.bytes)});
    folders.push_back({{"uri", folder + name}, {"files", sum.files}, {"bytes", sum.bytes}});
  }
  if (sums.size() != 1) table.add({"all", grouped(all.files), bytes_text(all.bytes)});
  context.say_lines(table.text());
  context.emit({{"folders", folders}, {"files", all.files}, {"bytes", all.bytes}});
}

// The files that one URI on the command line stands for.
std::vector<std::string> to_remove(const std::string& uri, const RemoveArguments& arguments,
                                   const Context& context) {
  const Entry top = stat_or_refuse(uri);
  if (!top.is_folder) return {uri};
  if (!arguments.recursive) {
    throw Error(ErrorCode::kUsage, uri, "is a folder",
                "add --recursive to remove everything in it");
  }
  std::vector<std::string> uris;
  std::int64_t linked = 0;
  const std::string folder = storage::as_folder(uri);
  for_each(folder, true, [&](Entry&& entry) {
    if (!arguments.filter.takes(entry.uri.substr(folder.size()))) return;
    if (entry.linked) {
      ++linked;
    } else {
      uris.push_back(std::move(entry.uri));
    }
  });
  if (linked > 0) context.say("kept " + counted(linked, "file") + " in linked folders");
  return uris;
}

// Asks before a removal that is rarely intended.
void expect_meant(const std::string& uri, std::size_t files, const RemoveArguments& arguments) {
  if (arguments.dry_run || arguments.yes || !arguments.recursive || files == 0) return;
  const std::string what = storage::precious_place(uri);
  if (what.empty()) return;
  const std::string count = counted(static_cast<std::int64_t>(files), "file");
  if (is_confirmed("Remove " + count + " from " + what + ", " + uri + "?")) return;
  throw Error(ErrorCode::kUsage, uri, "is " + what + ": " + count + " would be removed",
              "add --yes to remove them, --dry-run to list them");
}

void remove_all(const std::vector<std::string>& uris, const Context& context) {
  context.progress->begin("removing", uris.size(), "files");
  for (std::size_t at = 0; at < uris.size(); at += kRemovedAtOnce) {
    const auto end = std::min(uris.size(), at + kRemovedAtOnce);
    const std::vector<storage::Uri> some(uris.begin() + static_cast<std::ptrdiff_t>(at),
                                         uris.begin() + static_cast<std::ptrdiff_t>(end));
    storage::store_for(some.front()).remove_many(some);
    context.progress->advance(some.size());
  }
  context.progress->end();
}

void remove(const RemoveArguments& arguments, const Context& context) {
  // Nothing is removed before all names are known and confirmed.
  std::vector<std::vector<std::string>> each;
  std::int64_t removed = 0;
  for (const std::string& uri : arguments.uris) {
    each.push_back(to_remove(uri, arguments, context));
    expect_meant(uri, each.back().size(), arguments);
    removed += std::ssize(each.back());
  }
  for (const std::vector<std::string>& uris : each) {
    if (!arguments.dry_run) remove_all(uris, context);
    for (const std::string& uri : uris) {
      if (arguments.dry_run) context.say("would remove " + uri);
    }
  }
  context.say((arguments.dry_run ? "would remove " : "removed ") + counted(removed, "file"));
  context.emit({{"removed", removed}, {"dry_run", arguments.dry_run}});
}

void make_bucket(const MakeArguments& arguments, const Context& context) {
  storage::store_for(arguments.uri).make_bucket(arguments.uri, arguments.options);
  context.say(arguments.uri + " exists");
  context.say("next: oko store cp --recursive FOLDER " + arguments.uri + "/NAME");
  context.emit({{"bucket", arguments.uri}});
}

void add_make_command(CLI::App& store, Context& context) {
  CLI::App* command = store.add_subcommand("mb", "Create a bucket");
  const auto arguments = std::make_shared<MakeArguments>();
  storage::BucketOptions& options = arguments->options;
  command->add_option("URI", arguments->uri, "gs://NAME or s3://NAME")->required();
  command
      ->add_option("--location", options.location, "Region of the bucket (default: the provider's)")
      ->type_name("REGION");
  command->add_option("--class", options.storage_class, "Storage class (Google)")
      ->check(CLI::IsMember({"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"}, CLI::ignore_case))
      ->type_name("CLASS");
  command
      ->add_option(
          "--project", options.project,
          "Project that owns and pays for the bucket (Google; default: from the environment)")
      ->type_name("NAME");
  command->add_flag("--uniform-access,!--no-uniform-access", options.uniform_access,
                    "Uniform bucket-level access (Google; default: on)");
  command->footer(R"(
Keep the bucket in the region where training runs: reading across regions is slow and costs money. A
class other than STANDARD charges for every byte read: do not use it for data that each epoch reads.

Examples:
  oko store mb gs://my-photos --location europe-west4
  oko store mb s3://my-photos --location eu-central-1)");
  command->callback([arguments, &context] { make_bucket(*arguments, context); });
}

void add_list_command(CLI::App& store, Context& context) {
  CLI::App* command = store.add_subcommand("ls", "List a folder or bucket");
  const auto arguments = std::make_shared<ListArguments>();
  command->add_option("URI", arguments->uri, "gs://BUCKET/FOLDER, s3://BUCKET/FOLDER or a path")
      ->required();
  command->add_flag("-r,--recursive", arguments->recursive, "Include files in subfolders");
  command->add_flag("-l,--long", arguments->details, "Show sizes");
  add_filter_arguments(*command, arguments->filter);
  command->footer(
      "\nExamples:\n  oko store ls gs://my-photos/voc\n"
      "  oko store ls -r -l s3://my-photos --include '*.xml'");
  command->callback([arguments, &context] { list(*arguments, context); });
}

void add_usage_command(CLI::App& store, Context& context) {
  CLI::App* command = store.add_subcommand("du", "Show the total size of each subfolder");
  const auto arguments = std::make_shared<ListArguments>();
  command->add_option("URI", arguments->uri, "A folder, bucket or file")->required();
  add_filter_arguments(*command, arguments->filter);
  command->footer("\nExamples:\n  oko store du gs://my-photos");
  command->callback([arguments, &context] { usage(*arguments, context); });
}

void add_cat_command(CLI::App& store, Context& context) {
  CLI::App* command = store.add_subcommand("cat", "Write files to standard output");
  const auto arguments = std::make_shared<CatArguments>();
  command->add_option("URI", arguments->uris, "Files, written one after another")->required();
  command->add_option("--offset", arguments->offset, "Skip this many bytes")
      ->check(check_whole)
      ->type_name("BYTES");
  command->add_option("--count", arguments->count, "Read at most this many bytes")
      ->check(check_whole)
      ->type_name("BYTES");
  command->footer(
      "\nExamples:\n  oko store cat gs://my-photos/runs/1/log.jsonl | tail\n"
      "  oko store cat s3://my-photos/m.oko --count 8 | od -t u8");
  command->callback([arguments, &context] { cat(*arguments, context); });
}

void add_stat_command(CLI::App& store, Context& context) {
  CLI::App* command = store.add_subcommand("stat", "Show size, version and checksums of a file");
  const auto uri = std::make_shared<std::string>();
  command->add_option("URI", *uri, "A file, folder or bucket")->required();
  command->footer("\nExamples:\n  oko store stat gs://my-photos/m.oko");
  command->callback([uri, &context] { show_stat(*uri, context); });
}

void add_remove_command(CLI::App& store, Context& context) {
  CLI::App* command = store.add_subcommand("rm", "Remove files");
  const auto arguments = std::make_shared<RemoveArguments>();
  command->add_option("URI", arguments->uris, "Files; folders with --recursive")->required();
  command->add_flag("-r,--recursive", arguments->recursive,
                    "Remove folders and everything in them");
  command->add_flag("-n,--dry-run", arguments->dry_run, "Only print what would be removed");
  command->add_flag("-y,--yes", arguments->yes,
                    "Do not ask before emptying a whole bucket, disk, home or working folder");
  add_filter_arguments(*command, arguments->filter);
  command->footer(
      "\nExamples:\n  oko store rm s3://my-photos/old.oko\n"
      "  oko store rm -r -n gs://my-photos/runs --include '*.tmp'");
  command->callback([arguments, &context] { remove(*arguments, context); });
}

// Returns memory of file parts to the system as soon as they are sent. Otherwise glibc raises its
// mmap threshold after the first one and keeps twice the memory of a transfer.
void return_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

void print_requests() {
  storage::http::set_log([](std::string_view line) {
    static std::mutex mutex;
    const std::scoped_lock lock(mutex);
    std::cerr << line << '\n';
  });
}

}  // namespace

bool copy_to_output(const std::string& uri, std::uint64_t offset, std::uint64_t count,
                    Context& context) {
  struct ReaderGone {};
  try {
    storage::read_to(uri, offset, count, {}, [](std::span<const std::byte> piece) {
      if (!write_output(piece)) throw ReaderGone{};
    });
    return true;
  } catch (const ReaderGone&) {
    context.exit_code = static_cast<int>(ErrorCode::kStorage);
    return false;
  }
}

void print_skipped(const std::vector<storage::Skipped>& skipped) {
  for (const storage::Skipped& one : skipped) {
    std::cerr << "oko: skipped: " << printable(one.uri) << ": " << one.why << '\n';
  }
}

void add_filter_arguments(CLI::App& command, storage::Filter& filter) {
  command
      .add_option("--include", filter.include,
                  "Only names that match: *.jpg, train/**; may be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  command.add_option("--exclude", filter.exclude, "Exclude names that match; may be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
}

void add_store_command(CLI::App& app, Context& context) {
  CLI::App* store =
      app.add_subcommand("store", "Create buckets; copy, list and remove files in them");
  store->require_subcommand(1);
  store->preparse_callback([](std::size_t) { return_memory(); });
  store->add_flag_callback("--requests", print_requests,
                           "Print every request to standard error, without secrets");
  add_make_command(*store, context);
  add_list_command(*store, context);
  add_copy_commands(*store, context);
  add_cat_command(*store, context);
  add_stat_command(*store, context);
  add_remove_command(*store, context);
  add_usage_command(*store, context);
}

}  // namespace oko::cli
