// The random numbers of libsodium in WebAssembly (cmake/sodium.cmake), as far as oko uses them,
// instead of its own, which asks for them in a way that ES modules do not have. Opening a sealed
// model needs none.
#include <randombytes.h>
#include <stdlib.h>
#include <unistd.h>

void randombytes_stir(void) {}

void randombytes_buf(void* const buffer, const size_t size) {
  const size_t most = 256;  // that getentropy() gives in a call
  for (size_t at = 0; at < size; at += most) {
    const size_t rest = size - at;
    if (getentropy((char*)buffer + at, rest < most ? rest : most) != 0) abort();
  }
}
