/* Starts a program of a bundle (oko/package/bundle.h) with the bundle's own dynamic loader and
 * libraries, so that nothing but the kernel is needed from the machine. In a bundle this file is
 * bin/oko and libexec/oko-commands; the programs themselves are in lib/programs under the same
 * names. Linked statically. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kMostLibraryPath = 1 << 16 };

static const char* root; /* the bundle's folder */

static int fail(const char* place, const char* what, const char* hint) {
  fprintf(stderr, "oko: error: %s: %s\n  hint: %s\n", place, what, hint);
  return 1;
}

/* "ROOT/NAME", never freed. */
static char* inside(const char* name) {
  char* path = malloc(strlen(root) + strlen(name) + 2);
  if (path == NULL) abort();
  sprintf(path, "%s/%s", root, name);
  return path;
}

/* The bundle's folder, from that of this program: ROOT/bin/oko. */
static char* strip_two_names(char* path) {
  for (int i = 0; i < 2; ++i) {
    char* slash = strrchr(path, '/');
    if (slash == NULL) return NULL;
    *slash = '\0';
  }
  return path;
}

/* A library's own data, which it would otherwise look for where it was built. */
static void set_folder(const char* variable, const char* name) {
  char* path = inside(name);
  if (access(path, R_OK) == 0) setenv(variable, path, 1);
}

/* Certificates: the machine's, wherever its distribution has them, or the ones in the bundle. */
static void set_certificates(void) {
  static const char* const kKnown[] = {
      "/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch; curl's default */
      "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* Fedora, RHEL */
      "/etc/pki/tls/certs/ca-bundle.crt",                  /* older ones */
      "/etc/ssl/ca-bundle.pem",                            /* openSUSE */
      "/etc/ssl/cert.pem",                                 /* BSDs, Alpine */
  };
  if (getenv("SSL_CERT_FILE") != NULL || getenv("CURL_CA_BUNDLE") != NULL) return;
  for (size_t i = 0; i < sizeof kKnown / sizeof *kKnown; ++i) {
    if (access(kKnown[i], R_OK) != 0) continue;
    if (i > 0) setenv("SSL_CERT_FILE", kKnown[i], 1);
    return;
  }
  set_folder("SSL_CERT_FILE", "lib/ca-certificates.crt");
}

/* The bundle's libraries, then those that the environment names: a GPU's driver may be there. */
static char* library_path(void) {
  const char* more = getenv("LD_LIBRARY_PATH");
  char* path = inside("lib");
  if (more == NULL || *more == '\0' || strlen(more) > kMostLibraryPath) return path;
  char* both = malloc(strlen(path) + strlen(more) + 2);
  if (both == NULL) abort();
  sprintf(both, "%s:%s", path, more);
  return both;
}

int main(int argc, char** argv) {
  static char self[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length <= 0) return fail("/proc/self/exe", strerror(errno), "mount /proc");
  char* name = strrchr(self, '/');
  if (name == NULL) return fail(self, "is not in a folder", "unpack the bundle again");
  char program[NAME_MAX + sizeof "lib/programs/"];
  snprintf(program, sizeof program, "lib/programs/%s", name + 1);
  root = strip_two_names(self);
  if (root == NULL) return fail("the bundle", "is incomplete", "unpack it again");
  /* The loader separates folders by these, and replaces names after a dollar sign. */
  if (strpbrk(root, ":;$") != NULL) {
    return fail(root, "has ':', ';' or '$' in its name", "move the bundle to another folder");
  }
  setenv("OKO_PROGRAM", inside("bin/oko"), 1); /* what starts this oko again */
  set_folder("GCONV_PATH", "lib/gconv");
  set_folder("LIBHEIF_PLUGIN_PATH", "lib/libheif");
  set_certificates();

  const char** words = calloc((size_t)argc + 7, sizeof *words);
  if (words == NULL) abort();
  size_t n = 0;
  words[n++] = inside("lib/ld.so");
  words[n++] = "--argv0";
  words[n++] = argc > 0 ? argv[0] : "oko";
  words[n++] = "--library-path";
  words[n++] = library_path();
  words[n++] = inside(program);
  for (int i = 1; i < argc; ++i) words[n++] = argv[i];
  execv(words[0], (char* const*)words);
  return fail(words[0], strerror(errno), "unpack the bundle again, for this kind of processor");
}
