#!/usr/bin/env bash
# Apptainer for Debian 12, which has no package of it: get.sh DEST, once; then DEST/usr/bin/apptainer.
#
# Debian sid's package can be moved; only its C library is too new, so it is given Debian 13's.
# As root use --userns (or APPTAINER_USERNS=1). Nothing is installed on the system.
set -euo pipefail
dest=${1:?folder}
[ -x "$dest/usr/bin/apptainer" ] && exit 0
for program in patchelf mksquashfs squashfuse fusermount3; do
    command -v "$program" >/dev/null ||
        { echo "no $program: apt-get install patchelf squashfs-tools squashfuse fuse3" >&2; exit 1; }
done
draft=$dest.draft
rm -rf "$draft"
mkdir -p "$draft"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)
download() { # SUITE PACKAGE...
    local suite=$1 options
    shift
    mkdir -p "$scratch/$suite"/{lists/partial,cache/archives/partial}
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
        >"$scratch/$suite.list"
    options=(-qq -o "Dir::Etc::sourcelist=$scratch/$suite.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$scratch/$suite/lists" -o "Dir::Cache=$scratch/$suite/cache"
        -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update
    (cd "$scratch" && apt-get "${options[@]}" download "$@")
}
download sid apptainer
download trixie libc6 libsqlite3-0 libseccomp2
dpkg-deb -x "$scratch"/apptainer_*.deb "$draft"
for package in libc6 libsqlite3-0 libseccomp2; do
    dpkg-deb -x "$scratch/$package"_*.deb "$scratch/libraries"
done
mkdir -p "$draft/libs"
find "$scratch/libraries" \( -name 'lib*.so*' -o -name 'ld-linux*' \) -not -type d \
    -exec cp -L {} "$draft/libs/" \; 2>/dev/null
for program in usr/bin/apptainer usr/lib/x86_64-linux-gnu/apptainer/bin/starter; do
    patchelf --force-rpath --set-interpreter "$dest/libs/ld-linux-x86-64.so.2" \
        --set-rpath "$dest/libs" "$draft/$program"
done
cp -a "$draft/etc" "$draft/usr/etc"
mkdir -p "$draft/usr/lib/var/lib/apptainer/mnt/session"
rm -rf "$dest"
mv "$draft" "$dest"
"$dest/usr/bin/apptainer" --version >&2
