#!/usr/bin/env bash
# with_s3.sh KINDS PROGRAM…: runs it with OKO_TEST_S3RVER and OKO_TEST_RADOSGW set to "ENDPOINT KEY
# SECRET" of servers on loopback that are there as long as it runs. KINDS is s3rver, radosgw or
# "s3rver radosgw"; one that cannot be had is left out.
set -euo pipefail
kinds=$1
shift
. "$(dirname "$0")/servers.sh"
trap stop_servers EXIT
for kind in $kinds; do
  variable=OKO_TEST_${kind^^}
  if "start_$kind"; then export "$variable=$S3_ENDPOINT $S3_KEY $S3_SECRET"; fi
done
"$@"
