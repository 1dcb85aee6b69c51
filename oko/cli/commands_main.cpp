#include "oko/cli/cli.h"

int main(int argc, char** argv) {
  return oko::cli::run_oko(argc, argv, oko::cli::add_all_commands);
}
