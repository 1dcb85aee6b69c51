# Functions for scripts that download files; to be sourced: . scripts/download.sh

# download ADDRESS FILE
download() {
  if command -v curl >/dev/null; then
    curl --fail --silent --show-error --location --retry 3 --connect-timeout 30 --output "$2" "$1"
  elif command -v wget >/dev/null; then
    wget --quiet --tries 3 --connect-timeout 30 --output-document "$2" "$1"
  else
    echo "${0##*/}: neither curl nor wget is installed" >&2
    return 1
  fi
}

# Prints the SHA-256 of a file.
sum_of() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi |
    cut -d ' ' -f 1
}
