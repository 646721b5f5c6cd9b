# Sourced by scripts/bootstrap and scripts/test-clean: messages, progress, disk, Debian packages and mirrors.

say() { printf 'bootstrap: %s\n' "$*" >&2; }

# One paragraph: what is wrong, then what to do about it.
die() {
    printf '\nbootstrap: %s\n\n' "$*" | fold -s -w 100 >&2
    exit 1
}

# Reads "PERCENT TEXT" lines and shows the last: rewriting one line on a terminal, a plain line every five seconds
# elsewhere (a log file or CI, which would otherwise see nothing for minutes).
show_progress() {
    local title=$1 percent text shown=-5 line
    while read -r percent text; do
        if [[ -t 2 ]]; then
            line="bootstrap: $title ${percent%.*}% $text"
            printf '\r\033[K%s' "${line:0:${COLUMNS:-80}}" >&2
        elif ((SECONDS - shown >= 5)); then
            say "$title ${percent%.*}% $text"
            shown=$SECONDS
        fi
    done
    [[ ! -t 2 ]] || printf '\r\033[K' >&2
}

need_disk() {
    local free
    free=$(df --output=avail -m "$1" | tail -n 1)
    ((free >= min_free_mb)) || die "only $((free)) MB are free on the disk that holds $1, and at least" \
        "$min_free_mb MB are needed. Free some space there, or set BERTH_CACHE to a directory on a larger disk."
}

# Root needs no help; others need sudo, which may ask for a password only where somebody can answer.
as_root() {
    if ((EUID == 0)); then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif [[ -t 0 ]]; then
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# The packages are for builds and tests, which start what they need themselves: a machine that is set up here does not begin to
# serve web pages. Whoever has a policy of his own keeps it.
services_policy=/usr/sbin/policy-rc.d
start_no_services() {
    [[ ! -e $services_policy ]] || return 0
    trap start_services_again EXIT
    printf '#!/bin/sh\n# made by Berth'"'"'s scripts/bootstrap, for as long as it installs packages\nexit 101\n' |
        as_root tee "$services_policy" >/dev/null && as_root chmod 755 "$services_policy"
}
start_services_again() {
    ! grep -qs "made by Berth's scripts/bootstrap" "$services_policy" || as_root rm -f "$services_policy"
}

install_packages() {
    local log=$cache/apt.log
    local -a apt=(apt-get -q -y --no-install-recommends
        -o DPkg::Lock::Timeout=600 # somebody else's apt-get is waited for, not failed on
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold)

    if ((EUID != 0)) && ! { command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; }; then
        die "some Debian packages are missing, and installing them needs root, which neither this user nor sudo" \
            "gives here. Have somebody with root run this line, then run the same command again:"$'\n\n' \
            "  apt-get update; apt-get install --no-install-recommends $*"
    fi

    say "installing $# Debian packages (log: $log)"
    : >"$log"
    # A third party's dead source in the machine's configuration makes update fail although every package that is
    # needed here can be had: only the installation itself decides.
    as_root apt-get -q update -o DPkg::Lock::Timeout=600 >>"$log" 2>&1 ||
        say "apt-get update reported a problem with some package source; going on with the others"
    start_no_services
    # APT::Status-Fd prints dlstatus:NUMBER:PERCENT:TEXT while downloading and pmstatus:PACKAGE:PERCENT:TEXT after.
    if ! as_root "${apt[@]}" -o APT::Status-Fd=1 install "$@" 2>>"$log" | tee -a "$log" |
        sed -un 's/^dlstatus:[^:]*:\([0-9]*\)[^:]*:.*/\1 downloaded/p; s/^pmstatus:[^:]*:\([0-9]*\)[^:]*:/\1 /p' |
        show_progress packages; then
        tail -n 15 "$log" >&2
        if grep -qE 'Could not resolve|Failed to fetch|Could not connect|Unable to connect|Network is unreachable' "$log"; then
            die "the package mirror could not be reached. Check the network connection and the machine's" \
                "/etc/apt/sources.list, then run the same command again."
        elif grep -q 'Unable to locate package' "$log"; then
            die "apt does not know some of the packages. Check that /etc/apt/sources.list names Debian" \
                "$release's main archive (apt-get update must succeed for it), then run the same command again."
        fi
        die "apt-get install failed; its last lines are above, the rest is in $log. Repair that" \
            "('apt-get -f install' often does), then run the same command again."
    fi
    start_services_again
}

# machine_mirror LABEL: the mirror that this machine already uses for Debian (Debian) or its security updates
# (Debian-Security); nothing when apt has never been updated here.
machine_mirror() {
    apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        sed -n "s/^$1 //p" | sort -u | head -n 1
}
