#!/usr/bin/env bash
# Makes a package for Debian and its like: scripts/package.sh [FOLDER] puts ringgate_VERSION_ARCH.deb there (default
# target/), and says where. Builds with --release, or takes the program from RINGGATE_BIN (a folder).
# PACKAGE_REVISION (default 1) counts packages of one version, PACKAGE_VERSION goes over the version of the program,
# PACKAGE_MAINTAINER says who answers for it, and PACKAGE_COMPRESSION is that of dpkg-deb(1).
# The same program and SOURCE_DATE_EPOCH (default: the last commit) make the same package, byte by byte.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in dpkg-deb:dpkg strip:binutils readelf:binutils jq:jq; do
    command -v "${tool%:*}" >/dev/null || { echo "${tool%:*} is missing: apt-get install ${tool#*:}" >&2; exit 1; }
done
bin=${RINGGATE_BIN:-}
if [[ -z $bin ]]; then
    cargo build --quiet --locked --release --package ringgate
    bin=${CARGO_TARGET_DIR:-target}/release
fi
out=${1:-${CARGO_TARGET_DIR:-target}}
mkdir -p "$out"

metadata=$(cargo metadata --locked --offline --format-version 1 --filter-platform "$(rustc -vV | sed -n 's/^host: //p')")
version=${PACKAGE_VERSION:-$(jq -r '.packages[] | select(.name == "ringgate") | .version' <<<"$metadata")}
version+=-${PACKAGE_REVISION:-1}
architecture=$(dpkg --print-architecture)
maintainer=${PACKAGE_MAINTAINER:-The Ringgate maintainers <ringgate@noreply.github.com>}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
documents=$root/usr/share/doc/ringgate

# put SOURCE PLACE [MODE]: a file of the package.
put() { install -D -m "${3:-0644}" "$1" "$root/$2"; }
# text PLACE [MODE]: likewise, from standard input.
text() { cat >"$scratch/text" && put "$scratch/text" "$@"; }
# The name and the time of a file do not belong into a package that is to be made again.
squeeze() { gzip -9n "$@"; }

put "$bin/ringgate" usr/bin/ringgate 0755
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/ringgate"

# The unit of scripts/ is for a program that was installed by hand.
sed 's|/usr/local/bin/ringgate|/usr/bin/ringgate|; s|^\(# .*\): /etc/systemd/system/ringgate.service, then$|\1, then|' \
    scripts/ringgate.service | text lib/systemd/system/ringgate.service
put scripts/ringgate.socket lib/systemd/system/ringgate.socket

# Every option with its default, but that a package does not show strangers behind a proxy the state of the server and
# the routes that make trouble.
sed 's|^#demo = "auto"|demo = "off"|; s|^#status_page = "auto"|status_page = "off"|' \
    docs/ringgate.example.toml | text etc/ringgate/ringgate.toml
[[ $(grep -cE '^[a-z_]+ = ' "$root/etc/ringgate/ringgate.toml") == 2 ]]
"$bin/ringgate" check-config "$root/etc/ringgate/ringgate.toml" >/dev/null

put scripts/ringgate.logrotate etc/logrotate.d/ringgate

put docs/man/ringgate.1 usr/share/man/man1/ringgate.1
put docs/man/ringgate.toml.5 usr/share/man/man5/ringgate.toml.5
squeeze "$root"/usr/share/man/man*/*
put docs/completions/ringgate.bash usr/share/bash-completion/completions/ringgate
put docs/completions/_ringgate usr/share/zsh/vendor-completions/_ringgate
put docs/completions/ringgate.fish usr/share/fish/vendor_completions.d/ringgate.fish

for document in README.md docs/*.md; do
    put "$document" "usr/share/doc/ringgate/$document"
done
for example in 99-ringgate.conf alerts.yml grafana-dashboard.json seccomp-ringgate.json; do
    put "scripts/$example" "usr/share/doc/ringgate/examples/$example"
done
put CHANGELOG.md usr/share/doc/ringgate/changelog
text usr/share/doc/ringgate/changelog.Debian <<END
ringgate ($version) unstable; urgency=medium

  * Package of version ${version%-*}; changelog.gz says what is new in it.

 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
mit=$(sed -n '/^Permission/,$p' LICENSE-MIT | sed 's/^$/./; s/^/ /')
awk -v mit="$mit" '$0 == "@MIT@" { $0 = mit } { print }' scripts/debian/copyright |
    text usr/share/doc/ringgate/copyright

# The notice of each library in the program; texts that are the same stand once, with all that they belong to.
notices() {
    local name version folder id found file digest
    declare -A folders=() licences=() texts=() owners=()
    while IFS=$'\t' read -r name folder id; do
        folders[$name]=$folder
        licences[$name]=$id
    done < <(jq -r '.packages[] | ["\(.name) v\(.version)", (.manifest_path | rtrimstr("/Cargo.toml")),
        .license // "see its files"] | @tsv' <<<"$metadata")
    while read -r name version; do
        folder=${folders["$name $version"]}
        id=${licences["$name $version"]}
        found=''
        for file in "$folder"/{LICENSE,LICENCE,COPYING,NOTICE,COPYRIGHT,license}*; do
            [[ -f $file ]] || continue
            digest=$(sha256sum <"$file")
            texts[$digest]=$file
            owners[$digest]+="$name $version ($id)"$'\n'
            found=yes
        done
        [[ -n $found ]] || owners[none]+="$name $version ($id)"$'\n'
    done < <(cargo tree --locked --offline --edges normal --package ringgate --prefix none --format '{p}' |
        awk '$1 !~ /^ringgate/ { print $1, $2 }' | sort -u)
    [[ ${#texts[@]} -gt 0 ]]
    if [[ -n ${owners[none]:-} ]]; then
        printf 'Without a file of their own, under the licence that they name:\n\n%s\n' "${owners[none]}"
    fi
    for digest in $(printf '%s\n' "${!texts[@]}" | cut -d' ' -f1 | sort); do
        printf '%s\n\n' "----------------------------------------"
        printf '%s\n' "${owners["$digest  -"]}"
        cat "${texts["$digest  -"]}"
        printf '\n\n'
    done
}
notices | text usr/share/doc/ringgate/NOTICES
squeeze "$documents"/changelog "$documents"/changelog.Debian "$documents"/NOTICES

put scripts/debian/lintian-overrides usr/share/lintian/overrides/ringgate
for script in postinst prerm postrm; do
    sed "s|@VERSION@|$version|" "scripts/debian/$script" | text "DEBIAN/$script" 0755
done
printf '%s\n' /etc/logrotate.d/ringgate /etc/ringgate/ringgate.toml | text DEBIAN/conffiles

# The newest symbols of the C library that the program asks for say how new it must be.
libc=$(readelf --version-info --wide "$root/usr/bin/ringgate" | grep -oP 'GLIBC_\K[0-9.]+' | sort -V | tail -n 1)
text DEBIAN/control <<END
Package: ringgate
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -k -s --apparent-size --exclude=DEBIAN "$root" | cut -f1)
Depends: libc6 (>= $libc), libgcc-s1 (>= 4.2)
Section: httpd
Priority: optional
Homepage: https://github.com/ringgate/ringgate
Description: HTTP server on io_uring, one pinned thread per core
 Ringgate serves HTTP/1.1, HTTP/2, TLS and WebSockets, with one pinned
 thread and one io_uring per core. A gate counts exactly, over all cores,
 how many requests run and how many wait. Cores are added and removed while
 it runs, and a new version takes over from the old one without losing a
 connection.
 .
 It needs Linux 6.1 or newer; "ringgate doctor" says what a machine lacks.
END
(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) | text DEBIAN/md5sums

package=$out/ringgate_${version}_$architecture.deb
find "$root" -type d -exec chmod 0755 {} +
dpkg-deb --root-owner-group "-Z${PACKAGE_COMPRESSION:-xz}" --build "$root" "$package" >/dev/null
echo "$package"
