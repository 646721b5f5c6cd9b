#!/usr/bin/env bash
# install_test.sh SOURCE BUILD CMAKE DOCDIR: every relative link of the documents leads to something, in the source tree and where
# `make install` puts them; the units name documents that are there and a user that systemd-sysusers makes.
set -euo pipefail
source=$1 build=$2 cmake=$3 docdir=$4
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

fail() {
    echo "FAILED: $*" >&2
    failed=1
}

documents() { # ROOT: the README's neighbours and what is below docs/
    find "$1" -maxdepth 1 -name '*.md'
    find "$1/docs" -name '*.md'
}

check_links() { # ROOT: says which lead nowhere
    local file target seen=0
    while read -r file; do
        while read -r target; do
            seen=$((seen + 1))
            target=${target%%#*}
            [ -z "$target" ] || [ -e "$(dirname "$file")/$target" ] || fail "$file links to $target"
        done < <(grep -oP '\]\(\K(?![a-z]+:)[^) ]+' "$file" || true)
    done < <(documents "$1")
    [ "$seen" -ge 10 ] || fail "$1: only $seen links were found"
}

DESTDIR=$scratch "$cmake" --install "$build" --component docs --prefix /usr >/dev/null
installed=$scratch/usr/$docdir
check_links "$source"
check_links "$installed"

for unit in berthd@.service berth-agent.service; do
    document=$(sed -n "s#^Documentation=file:.*$docdir/##p" "$build/$unit")
    [ -n "$document" ] && [ -e "$installed/$document" ] || fail "$unit names the document \"$document\""
done

# That a missing document is noticed.
rm "$installed/docs/berthd.md"
if (failed=0 && check_links "$installed" && exit "$failed") 2>/dev/null; then
    fail "a link that leads nowhere was not noticed"
fi

user=$(sed -n 's/^User=//p' "$build/berthd@.service")
grep -q "^u $user " "$source/packaging/sysusers.d/berth.conf" || fail "nothing makes the user \"$user\" of berthd@.service"
for kind in sysusers tmpfiles; do
    grep -q "packaging/$kind.d/berth.conf DESTINATION lib/$kind.d" "$source/cmake/install.cmake" || fail "$kind.d is not installed"
done
if command -v systemd-sysusers >/dev/null; then
    mkdir -p "$scratch/etc"
    systemd-sysusers --root="$scratch" "$source/packaging/sysusers.d/berth.conf" >/dev/null 2>&1 || fail "systemd-sysusers refuses berth.conf"
    grep -q "^$user:" "$scratch/etc/passwd" || fail "systemd-sysusers did not make \"$user\""
    grep -q "^$user:" "$scratch/etc/group" || fail "systemd-sysusers did not make the group \"$user\""
fi
exit "$failed"
