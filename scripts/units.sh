#!/usr/bin/env bash
# The units under another systemd than this machine's: systemd-analyze of a suite of Debian, unpacked in a folder with what
# it needs. Nothing is installed. It must have nothing to say of the units, and find them exposed by no more than 2 of 10.
#
# Usage: scripts/units.sh [SUITE...]    by default trixie and sid, which has the newest
#
# Exit code: 0 nothing to say; 1 something; 3 NOT CHECKED: the archive cannot be reached from here, or this is not root on Debian.
set -euo pipefail
cd "$(dirname "$0")/.."

not_checked() {
    echo "NOT CHECKED: $*"
    exit 3
}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
((UID == 0)) || not_checked "chroot(8) is for root"
command -v apt-get >/dev/null && [[ -e $keyring ]] || not_checked "apt-get and $keyring are needed"
# The archive that apt of this machine uses.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed 's|/*$||' | grep '/debian$' | head -n 1) ||
    not_checked "apt of this machine knows no archive of Debian"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

(($#)) || set -- trixie sid
for suite in "$@"; do
    folder=$scratch/$suite
    root=$folder/root
    mkdir -p "$folder"/{state/lists/partial,cache/archives/partial} "$root"/{usr/local/bin,etc/ringgate,etc/systemd/system}
    echo "deb [signed-by=$keyring] $mirror $suite main" >"$folder/sources"
    : >"$folder/status"
    apt=(apt-get -qq -o APT::Sandbox::User=root -o "Dir::Etc::sourcelist=$folder/sources" -o Dir::Etc::sourceparts=/dev/null
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null -o "Dir::State=$folder/state"
        -o "Dir::State::status=$folder/status" -o "Dir::Cache=$folder/cache" -o APT::Install-Recommends=false
        -o Acquire::Languages=none)
    "${apt[@]}" update || not_checked "the archive cannot be reached"
    "${apt[@]}" --download-only --yes install systemd bash libseccomp2 >/dev/null ||
        not_checked "systemd of $suite cannot be had"
    for package in "$folder"/cache/archives/*.deb; do
        dpkg-deb --extract "$package" "$root"
    done
    for name in bin sbin lib lib64; do
        [[ -e $root/$name ]] || ln -s "usr/$name" "$root/$name"
    done
    cp scripts/ringgate.{service,socket} "$root/etc/systemd/system/"
    # It only looks whether the program is there.
    printf '#!/bin/sh\n' >"$root/usr/local/bin/ringgate"
    chmod 755 "$root/usr/local/bin/ringgate"
    within=(unshare --mount chroot "$root" systemd-analyze)
    version=$("${within[@]}" --version | head -n 1)
    said=$("${within[@]}" verify --man=no /etc/systemd/system/ringgate.{service,socket} 2>&1) || true
    if [[ -n $said ]]; then
        printf '%s says of the units:\n%s\n' "$version" "$said"
        exit 1
    fi
    exposed=$("${within[@]}" security --offline=yes --no-pager --threshold=20 ringgate.service | tail -n 1) || {
        printf '%s: %s\n' "$version" "$exposed"
        exit 1
    }
    printf '%s: nothing to say; %s\n' "$version" "${exposed#* }"
done
