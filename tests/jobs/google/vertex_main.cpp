#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "tests/jobs/google/vertex_server.h"

// Runs the test server until SIGINT or SIGTERM. Its first line of output is the port.
int main(int argc, char** argv) {
  oko::testing::google::VertexOptions options;
  std::vector<std::string> buckets, images;
  bool strict = false;
  CLI::App app("A test server of Vertex AI and Cloud Logging, on 127.0.0.1, in memory");
  app.add_option("--port", options.port, "0: any free one");
  app.add_option("--page", options.page, "Entries on a page of lists");
  app.add_option("--token-calls", options.token_calls, "Calls per token; 0: none needed");
  app.add_flag("--advance", options.advance, "Each look at a job moves it on");
  app.add_option("--bucket", buckets, "NAME=LOCATION of a bucket");
  app.add_option("--image", images, "REPOSITORY:TAG of an image");
  app.add_flag("--strict", strict, "Fail without Google's definitions");
  CLI11_PARSE(app, argc, argv);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);  // before threads are made, which inherit it
  oko::testing::google::VertexServer server(options);
  if (strict && !server.lenient().empty()) {
    std::cerr << server.lenient() << "\n";
    return 1;
  }
  for (const std::string& bucket : buckets) {
    const std::size_t equals = bucket.find('=');
    server.set_bucket(bucket.substr(0, equals), bucket.substr(equals + 1));
  }
  for (const std::string& image : images) {
    const std::size_t colon = image.rfind(':');
    server.add_image(image.substr(0, colon), image.substr(colon + 1));
  }
  std::cout << server.port() << std::endl;
  int caught = 0;
  sigwait(&ending, &caught);
  for (const std::string& request : server.requests()) std::cout << request << "\n";
}
