#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "oko/base/clock.h"
#include "oko/base/error.h"
#include "oko/cli/cli.h"
#include "oko/cli/interrupt.h"
#include "oko/cli/model.h"
#include "oko/cli/table.h"
#include "oko/graph/oko_file.h"
#include "oko/jobs/duration.h"
#include "oko/serve/certificate.h"
#include "oko/serve/kept_frames.h"
#include "oko/serve/link.h"
#include "oko/serve/page.h"
#include "oko/serve/qr.h"
#include "oko/serve/server.h"
#include "oko/serve/site.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

constexpr std::uint16_t kUsualPort = 8443;
constexpr const char* kLoopback = "127.0.0.1";

struct PhoneArguments {
  ModelArguments model;
  std::string size, address, page, keep;
  std::string lifetime = "30m", idle = "10m";
  bool lan = false;
  int port = -1;  // -1: the usual one, or any if that is taken
};

graph::Network network_of(const PhoneArguments& a, const Context& context) {
  graph::Network network = load_model(a.model, a.size, context);
  if (network.heads().empty()) {
    throw Error(ErrorCode::kUsage, a.model.path, "has no detection heads, so there are no boxes",
                "give --heads-from the model that it was exported from, or a detector");
  }
  if (network.weights.empty()) {
    throw Error(ErrorCode::kUsage, a.model.path, "has no weights",
                "give them with --weights, or a trained model");
  }
  if (network.input.channels != 3) {
    throw Error(ErrorCode::kUsage, a.model.path,
                fmt::format("takes {} channels, and a camera gives 3", network.input.channels));
  }
  return network;
}

// Without a class list the page shows numbers, and a dataset needs names.
std::vector<std::string> class_names(const graph::Network& network) {
  std::vector<std::string> names = network.classes;
  names.resize(static_cast<std::size_t>(network.class_count()));
  return names;
}

// A run keeps what its model got wrong; for other models that is the working directory.
std::string folder_of(const PhoneArguments& a) {
  if (!a.keep.empty()) return a.keep;
  const auto entry = storage::stat(a.model.path);
  return entry && entry->is_folder ? storage::join(a.model.path, "kept") : "kept";
}

// "20261130-183501", in UTC: files of different sessions have different names.
std::string session_name() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{:04}{:02}{:02}-{:02}{:02}{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string host_of(const PhoneArguments& a, const Context& context) {
  if (!a.address.empty()) {
    const std::string host = serve::checked_address(a.address, "--address");
    if (!serve::is_loopback(host) && !serve::is_private(host)) {
      context.progress->line("note: " + host +
                             " is not an address of a local network: the page may be open to all "
                             "of the internet, though only with its link");
    }
    return host;
  }
  if (!a.lan) return kLoopback;
  const std::vector<std::string> hosts = serve::local_addresses();
  if (hosts.empty()) {
    throw Error(ErrorCode::kFailed, "--lan", "this machine has no address in a local network",
                "connect it to the phone's network, or name an address with --address");
  }
  for (std::size_t i = 1; i < hosts.size(); ++i) {
    context.progress->line("note: this machine is also " + hosts[i] + ": --address " + hosts[i]);
  }
  return hosts.front();
}

// The usual port where it is free: browsers remember for an address and port that the camera is
// allowed.
serve::Listener listen_on(const std::string& host, int port) {
  if (port >= 0) return serve::Listener({host, static_cast<std::uint16_t>(port)});
  try {
    return serve::Listener({host, kUsualPort});
  } catch (const Error&) {
    return serve::Listener({host, 0});
  }
}

// The width of the terminal that standard output is; 0 if it is none, or one without characters.
int terminal_columns() {
  winsize size{};
  const char* kind = std::getenv("TERM");
  if (isatty(STDOUT_FILENO) != 1 || (kind != nullptr && std::string_view(kind) == "dumb")) return 0;
  constexpr int kUsual = 80;
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUsual;
}

void say_qr(const std::string& link, const Context& context) {
  const int columns = terminal_columns();
  if (columns == 0) return;
  const std::string code = serve::qr_text(serve::make_qr(link), columns);
  if (code.empty()) return context.say("(The terminal is too narrow for the link's QR code.)");
  if (!context.json && !context.quiet) std::cout << '\n' << code;  // say() would show its colours
}

// "AB:CD:…" in two lines, as phones show it in narrow columns too.
void say_fingerprint(const std::string& fingerprint, const Context& context) {
  const std::size_t half = fingerprint.size() / 2;
  context.say("    " + fingerprint.substr(0, half));
  context.say("    " + fingerprint.substr(half + 1));
}

struct Times {
  double lifetime, idle;  // seconds
};

void say_start(const std::string& link, const serve::Address& address,
               const serve::Certificate& certificate, const std::string& keep, const Times& times,
               const Context& context) {
  say_qr(link, context);
  context.say("");
  context.say(link);
  context.say("");
  if (serve::is_loopback(address.host)) {
    context.say("Only this machine can open it; --lan lets phones in the same network.");
    context.say(
        fmt::format("A phone on a USB cable can after: adb reverse tcp:{0} tcp:{0}", address.port));
  } else {
    context.say("Open it with a phone in the same network. Whoever has the link can use the page");
    context.say("and copy the model.");
  }
  context.say("");
  context.say("The browser warns of the certificate, as it was made just now. It is the right");
  context.say("one if its SHA-256 fingerprint is");
  say_fingerprint(certificate.fingerprint, context);
  context.say("");
  context.say("Frames that you keep go to " + keep);
  context.say(fmt::format("Ends after {}, or {} without a phone, or with Ctrl-C.",
                          jobs::duration_text(times.lifetime), jobs::duration_text(times.idle)));
  std::cout << std::flush;
}

// Waits for the end; returns why it came.
std::string serve_until_end(const serve::Site& site, const Times& times, const Context& context,
                            const InterruptGuard& guard) {
  constexpr std::chrono::milliseconds kPause{50};
  const auto start = Clock::now();
  auto last = start;
  int requests = 0, kept = 0;
  for (;; std::this_thread::sleep_for(kPause)) {
    if (guard.interrupted()) return "stopped";
    if (seconds_since(start) >= times.lifetime) return "the time is over";
    if (const int now = site.requests(); now != requests) {
      if (requests == 0) context.say("A phone has opened the page.");
      requests = now;
      last = Clock::now();
    }
    if (const int now = site.kept(); now != kept) {
      kept = now;
      context.say(fmt::format("Kept {}.", counted(kept, "frame")));
      std::cout << std::flush;
    }
    if (seconds_since(last) >= times.idle) return "no phone for " + jobs::duration_text(times.idle);
  }
}

void say_end(const serve::KeptFrames& frames, const std::string& why, const Context& context) {
  context.say("Ended: " + why + ".");
  if (frames.count() == 0) return;
  context.say(fmt::format("{} and {} to label are in {}, a YOLO dataset.",
                          counted(frames.backgrounds(), "background"),
                          counted(frames.to_label(), "image"), frames.folder()));
  if (frames.to_label() == 0) return;
  context.say("The boxes of those to label are what the model saw: correct them before training.");
}

void check_keys(const PhoneArguments& a, const Context& context) {
  if (a.model.keys.key.empty() && a.model.keys.signer.empty()) return;
  context.progress->line(
      "note: the phone gets the model unsealed, as a browser cannot keep a key: whoever has the "
      "link can copy it");
}

void run_phone(const PhoneArguments& a, Context& context) {
  constexpr double kSecondsPerHour = 3600;
  const Times times{kSecondsPerHour * jobs::parse_hours(a.lifetime, "--for"),
                    kSecondsPerHour * jobs::parse_hours(a.idle, "--idle")};
  serve::Page page = serve::read_page(a.page.empty() ? serve::find_page() : a.page);
  const graph::Network network = network_of(a, context);
  check_keys(a, context);
  serve::KeptFrames frames(folder_of(a), class_names(network), session_name());
  const std::string keep = frames.folder();

  const std::string host = host_of(a, context);
  serve::Listener listener = listen_on(host, a.port);
  const serve::Address address = listener.address();
  const std::string token = serve::make_token(), link = serve::link_of(address, token);
  const serve::Certificate certificate =
      serve::make_certificate({host}, std::chrono::seconds(static_cast<long>(times.lifetime)));
  const auto start = Clock::now();
  const auto seconds_left = [start, times] {
    return static_cast<int>(std::max(0.0, times.lifetime - seconds_since(start)));
  };
  serve::Site site(serve::host_and_port(address), token, std::move(page),
                   Bytes(graph::write_oko(network)), std::move(frames), seconds_left);
  std::string why;
  {
    const InterruptGuard guard;
    const serve::Server server(std::move(listener), certificate, site);
    context.emit({{"link", link},
                  {"address", address.host},
                  {"port", address.port},
                  {"fingerprint", certificate.fingerprint},
                  {"keep", keep},
                  {"seconds", times.lifetime},
                  {"idle_seconds", times.idle}});
    std::cout << std::flush;
    say_start(link, address, certificate, keep, times, context);
    why = serve_until_end(site, times, context, guard);
  }
  say_end(site.frames(), why, context);
}

}  // namespace

void add_phone_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("phone", "Try a model with a phone's camera: serve it with a page");
  const auto arguments = std::make_shared<PhoneArguments>();
  PhoneArguments& a = *arguments;
  add_model_arguments(*command, a.model);
  command->add_option("--size", a.size, "Input size, if not the model's own")->type_name("WxH");
  CLI::Option* lan = command->add_flag("--lan", a.lan,
                                       "Let phones in the same network open the page, not only "
                                       "this machine");
  command->add_option("--address", a.address, "Listen on this address of this machine")
      ->excludes(lan)
      ->type_name("IP");
  command->add_option("--port", a.port, "Port; 0: any free one (default: 8443 if it is free)")
      ->check(CLI::Range(0, 65535))
      ->type_name("N");
  command->add_option("--for", a.lifetime, "End after this time")
      ->capture_default_str()
      ->type_name("TIME");
  command->add_option("--idle", a.idle, "End when no phone has had the page open for this time")
      ->capture_default_str()
      ->type_name("TIME");
  command
      ->add_option("--keep", a.keep,
                   "Folder for frames that are sent back (default: kept in the run's folder, else "
                   "./kept)")
      ->type_name("FOLDER");
  command->add_option("--page", a.page, "Folder of the page, if it is not installed")
      ->type_name("FOLDER");
  command->footer(R"(
The phone's browser runs the model; no image leaves the phone but those that you keep.

Examples:
  oko phone runs/one --lan
  oko phone model.oko --lan --for 2h --keep wrong/
  oko phone yolov3.cfg --weights yolov3.weights --names coco.names --size 320)");
  command->callback([arguments, &context] { run_phone(*arguments, context); });
}

}  // namespace oko::cli
