# Sourced: make_dataset FOLDER creates a dataset of four small grey images with a box each. Nothing is
# trained on it, but `oko job submit` checks it.
make_dataset() {
  local number
  mkdir -p "$1"
  for number in 1 2 3 4; do
    base64 -d >"$1/-a photo $number.png" <<'END'
iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mM4kWKEFTEMLQkAVkZXgUFSAJcAAAAASUVORK5CYII=
END
    echo "0 .5 .5 .5 .5" >"$1/-a photo $number.txt"
  done
}
