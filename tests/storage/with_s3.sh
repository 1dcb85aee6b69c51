#!/usr/bin/env bash
# with_s3.sh PROGRAM…: runs it with OKO_TEST_S3RVER and OKO_TEST_RADOSGW set to "ENDPOINT KEY SECRET"
# of servers on loopback that are there as long as it runs. One that cannot be had is left out.
set -euo pipefail
. "$(dirname "$0")/servers.sh"
trap stop_servers EXIT
if start_s3rver unused-bucket; then export OKO_TEST_S3RVER="$S3_ENDPOINT $S3_KEY $S3_SECRET"; fi
if [ "${OKO_TEST_WITHOUT_RADOSGW:-}" = "" ] && start_radosgw 1073741824; then
  export OKO_TEST_RADOSGW="$S3_ENDPOINT $S3_KEY $S3_SECRET"
fi
"$@"
