#!/usr/bin/env bash
# Checks oko's bodies against the definitions of current Kubernetes.  strict.sh KUBERNETES_BODIES
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../storage/modules.sh"
find_modules kubernetes-models "$here" || exit 77
"$1" | node "$here/strict.mjs" "$modules"
