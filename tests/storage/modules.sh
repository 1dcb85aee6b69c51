# Programs and libraries from npm for test scripts: `. modules.sh`. Versions and checksums are those
# of package-lock.json, which lies beside this file or in the folder given.

# find_modules NAME [FOLDER]: sets `modules` to the node_modules folder that has the package, which is
# fetched if it is not there (OKO_FETCH=no: never); returns 1 with a message if it cannot be had.
# OKO_NODE_MODULES names a folder to use instead of the cache.
find_modules() {
  local from cache
  from=${2:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)}
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/oko-tests
  [ -z "${2:-}" ] || cache=$cache/$(basename "$2")
  modules=${OKO_NODE_MODULES:-$cache/node_modules}
  command -v node >/dev/null || { echo "node is not installed: no $1" >&2; return 1; }
  [ ! -d "$modules/$1" ] || return 0
  [ "${OKO_FETCH:-}" != no ] || { echo "skipped: $1 is not there" >&2; return 1; }
  cache=$(dirname "$modules")
  mkdir -p "$cache"
  cp "$from/package.json" "$from/package-lock.json" "$cache"
  (cd "$cache" && npm ci --ignore-scripts --no-audit --no-fund >/dev/null 2>&1) ||
    { echo "npm cannot fetch $1" >&2; return 1; }
  [ -d "$modules/$1" ] || { echo "$1 is not in $from/package.json" >&2; return 1; }
}
