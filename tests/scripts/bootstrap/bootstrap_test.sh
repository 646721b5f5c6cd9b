#!/usr/bin/env bash
# scripts/bootstrap on a machine where it has already run (the build that runs this test needed it): quick, quiet,
# the right OpenSSL, and errors that name the remedy. Nothing here installs anything.
set -uo pipefail

bootstrap=$1/scripts/bootstrap
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

check() { # NAME COMMAND...: the command must succeed
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n' "$name"
        sed 's/^/    /' "$scratch/out" "$scratch/err"
    fi
}
run() { # [NAME=VALUE]... ARGUMENT...: bootstrap's status in $status, its output in the scratch files
    local -a set=()
    while [[ ${1:-} == *=* ]]; do
        set+=("$1")
        shift
    done
    status=0
    env "${set[@]}" "$bootstrap" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
    # Messages are folded for people; joined again, a sentence can be searched for.
    tr '\n' ' ' <"$scratch/err" | tr -s ' ' >"$scratch/message"
}
succeeded() { ((status == 0)); }
refused() { ((status == 1)); }
message_has() { grep -qF -- "$1" "$scratch/message"; }
silent() { [[ ! -s $scratch/out && ! -s $scratch/err ]]; }

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
run
check "runs again without complaint" succeeded
start=$(milliseconds)
run
elapsed=$(($(milliseconds) - start))
check "second run succeeds" succeeded
check "second run has nothing to say" silent
check "second run takes less than 2 s (took $elapsed ms)" test "$elapsed" -lt 2000

run --print-openssl
check "--print-openssl succeeds" succeeded
prefix=$(<"$scratch/out")
openssl=openssl
[[ $prefix == system ]] || openssl=$prefix/bin/openssl
version=$("$openssl" version | cut -d ' ' -f 2)
check "OpenSSL is 3.5 or newer (is $version)" test "$(printf '3.5\n%s\n' "$version" | sort -V | head -n 1)" = 3.5
check "OpenSSL knows ML-KEM" eval "'$openssl' list -kem-algorithms | grep -q ML-KEM-768"

run --print-azure
check "--print-azure succeeds" succeeded
check "... and names a directory of the cache" grep -qE '^/.*/azure-[0-9a-f]{12}$' "$scratch/out"
lock=$1/tests/azure/package-lock.json
check "Azure's lockfile names no host" test "$(grep -c '"resolved"' "$lock")" = 0
check "... and a hash for each package" test "$(grep -c '"integrity": "sha512-' "$lock")" = "$(grep -c '^    "node_modules/' "$lock")"

mkdir "$scratch/cache"
run BERTH_CACHE="$scratch/cache" BERTH_MIN_FREE_MB=999999999
check "a nearly full disk is refused" refused
check "... naming the space that is needed" message_has "at least 999999999 MB are needed"
check "... and the remedy" message_has "set BERTH_CACHE to a directory on a larger disk"

printf 'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n' >"$scratch/debian11"
printf 'ID=ubuntu\nVERSION_ID="13"\nPRETTY_NAME="Ubuntu 13"\n' >"$scratch/ubuntu"
for os in debian11 ubuntu; do
    run BERTH_OS_RELEASE="$scratch/$os"
    check "$os is refused" refused
    check "... naming what it is" message_has "$(. "$scratch/$os" && echo "$PRETTY_NAME")"
    check "... and what to use" message_has "Debian 12 and Debian 13"
done

for release in 12 13; do
    printf 'ID=debian\nVERSION_ID="%s"\n' "$release" >"$scratch/os"
    run BERTH_OS_RELEASE="$scratch/os" --list
    check "Debian $release has a package list" grep -qx ninja-build "$scratch/out"
done
check "Debian 13 takes OpenSSL from its packages" grep -qx libssl-dev "$scratch/out"

run --with nonsense
check "an unknown group is a usage error" test "$status" = 2

printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
