#!/bin/sh
# Makes artifact_generated.h from artifact.fbs in the folder $1 (default: here), with flatc 2.0.8, as it is checked in.
# flatc pins the header to its own version of FlatBuffers; what we use of it is the same in later ones, so the pin is taken out.
set -e
here=$(dirname "$0")
out=${1:-$here}
flatc --cpp -o "$out" "$here/artifact.fbs"
sed -i '/^\/\/ Ensure the included flatbuffers.h/,/^$/d' "$out/artifact_generated.h"
