#include <CLI/CLI.hpp>
#include <csignal>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/storage/gcs_server.h"

// Runs the test server until SIGINT or SIGTERM. Its first line of output is the port.
int main(int argc, char** argv) {
  oko::testing::GcsOptions options;
  std::string key_file;
  CLI::App app("A strict Cloud Storage server for tests, on 127.0.0.1, in memory");
  app.add_option("--port", options.port, "0: any free one");
  app.add_option("--page", options.page, "Most entries of a list's page");
  app.add_flag("--need-token", options.need_token, "Refuse calls without a token from here");
  app.add_option("--token-calls", options.token_calls, "Calls per token");
  app.add_option("--public-key", key_file, "PEM: who may sign assertions");
  app.add_option("--lose-session", options.lose_session, "Lose each N-th resumable session");
  app.add_option("--rewrite-step", options.rewrite_step, "Bytes that one rewrite call copies");
  app.add_flag("--log", options.log, "Requests and statuses to standard error");
  CLI11_PARSE(app, argc, argv);
  if (!key_file.empty()) {
    std::ostringstream text;
    text << std::ifstream(key_file).rdbuf();
    options.public_key = text.str();
  }
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);  // before threads are made, which inherit it
  const oko::testing::GcsServer server(options);
  std::cout << server.port() << std::endl;
  int caught = 0;
  sigwait(&ending, &caught);
}
