#!/usr/bin/env bash
# Images of a dataset in a bucket read for the first time: as files and packed into shards.
#   bench/storage/shards.sh BUILD [KIND [ROUNDS [MILLISECONDS]]]
# BUILD is a build folder with OKO_BENCH and OKO_TESTS, KIND a server of tests/storage/servers.sh: gcs
# (the tests' own, the default) or radosgw. 2 000 images of 100 KB, every round with an empty cache and in
# turns; each request takes MILLISECONDS (0) more to arrive, as on a network. Prints seconds for annotations
# (or the index) and images, and the ratio of the medians.
set -euo pipefail
build=$1 kind=${2:-gcs} rounds=${3:-5} delay=${4:-0}
oko=$build/oko/cli/oko reader=$build/bench/storage/oko_bench_read_pictures
servers_work=${OKO_BENCH_WORK:-$(mktemp -d)}
. "$(dirname "$0")/../../tests/storage/servers.sh"
trap stop_servers EXIT
uptime
start_store "$kind" "$build/tests/storage"
use_store "$store_port"
bucket=$store_scheme://oko-bench photos=$servers_work/photos
"$oko" --quiet store mb "$bucket"

# Incompressible noise with image names: nothing here decodes them.
python3 - "$photos" <<'PY'
import json, os, sys
folder = sys.argv[1]
os.makedirs(folder + '/images')
os.makedirs(folder + '/annotations')
coco = {'images': [], 'annotations': [], 'categories': [{'id': 1, 'name': 'noise'}]}
for i in range(2000):
    name = f'{i:06}.jpg'
    with open(f'{folder}/images/{name}', 'wb') as file:
        file.write(os.urandom(90000 + i * 10))
    coco['images'].append({'id': i, 'file_name': name, 'width': 640, 'height': 480})
    coco['annotations'].append({'id': i, 'image_id': i, 'category_id': 1, 'iscrowd': 0,
                                'bbox': [10, 10, 100, 100], 'area': 10000})
json.dump(coco, open(folder + '/annotations/instances.json', 'w'))
PY
"$oko" --quiet store cp -r --no-manifest "$photos" "$bucket/files"
OKO_CACHE_GB=0 "$oko" --quiet data pack "$bucket/files" "$bucket/shards"
rm -rf "$photos"

if [ "$delay" != 0 ]; then
  cat >"$servers_work/delay.py" <<'PY'
import asyncio, sys
port, seconds = int(sys.argv[1]), float(sys.argv[2]) / 1000

async def carry(reader, writer, seconds):
    try:
        while data := await reader.read(1 << 18):
            await asyncio.sleep(seconds)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()

async def connected(reader, writer):
    to_reader, to_writer = await asyncio.open_connection('127.0.0.1', port, limit=1 << 20)
    await asyncio.gather(carry(reader, to_writer, seconds), carry(to_reader, writer, 0))

async def main():
    server = await asyncio.start_server(connected, '127.0.0.1', 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
PY
  run_server delay python3 "$servers_work/delay.py" "$store_port" "$delay"
  use_store "$(first_line delay)"
fi
for ((round = 0; round < rounds; ++round)); do
  for what in files shards; do
    OKO_CACHE_DIR=$servers_work/cache "$reader" "$bucket/$what" |
      sed "s/^/$what /" | tee -a "$servers_work/table"
    rm -rf "$servers_work/cache"
  done
done
uptime
python3 - "$servers_work/table" <<'PY'
import statistics, sys
seconds = {}
for line in open(sys.argv[1]):
    what, _, _, annotations, pictures = line.split()
    seconds.setdefault(what, []).append(float(annotations) + float(pictures))
files, shards = (statistics.median(seconds[what]) for what in ('files', 'shards'))
print(f'files {files:.2f} s, shards {shards:.2f} s, ratio {files / shards:.2f}')
PY
