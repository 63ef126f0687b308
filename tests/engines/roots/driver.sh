#!/usr/bin/env bash
# Turn the Python of a root filesystem into one that runs in older ones too, at PLACE there: it has
# its own C library, as those on CVMFS do.
#
#     driver.sh ROOT FOLDER PLACE
set -euo pipefail
root=$1 folder=$2 place=$3
mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
[ -e "$folder/.made" ] && exit
rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/lib"
python=$(chroot "$root" readlink -f /usr/bin/python3)
modules=/usr/lib/$(basename "$python")
cp -r "$root$modules" "$folder/lib"
cp "$root$python" "$folder/bin/python3"
chroot "$root" sh -c 'ldd "$1" "$2"/lib-dynload/*.so' sh "$python" "$modules" |
    grep -o '/[^ ]*\.so[^ :]*' | grep -v lib-dynload | sort -u |
    while read -r library; do
        cp -L "$root$library" "$folder/lib"
        case $library in # what older programs ask for beside the C library
        */libc.so.6) cp -L "$root${library%/*}"/lib{dl.so.2,pthread.so.0,rt.so.1,util.so.1} "$folder/lib" ;;
        esac
    done
loader=$place/lib/$(basename "$(patchelf --print-interpreter "$folder/bin/python3")")
patchelf --set-interpreter "$loader" --force-rpath --set-rpath '$ORIGIN/../lib' "$folder/bin/python3"
touch "$folder/.made"
