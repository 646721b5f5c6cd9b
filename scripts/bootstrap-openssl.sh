# Sourced by scripts/bootstrap: OpenSSL 3.5 or newer.
#
# Debian 13 has it. Debian 12 has 3.0, and Debian 13's binary needs a newer glibc, so there Debian 13's *source*
# package is built once into $cache/openssl-VERSION-CONFIGHASH and found by RPATH. The source is fetched by an apt with a
# configuration of its own, so the machine's sources are never touched, and apt checks it against Debian's archive key.

# Debian 13's own choices (debian/rules), so that Debian's libraries which share the process (libmosquitto, libtss2,
# libpq) find every function they were linked against. Left out is only what nobody here calls: tests, documentation.
openssl_options=(shared no-tests no-docs no-idea no-mdc2 no-rc5 no-ssl3 no-ssl3-method enable-rfc3779 enable-cms
    no-capieng no-rdrand)
case $(uname -m) in
x86_64 | aarch64 | riscv64) openssl_options+=(enable-ec_nistp_64_gcc_128) ;; # P-384 and P-521 several times faster
esac
openssl_cflags="-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wa,--noexecstack"
# Not "all": that compiles every file a second time for libcrypto.a, and then the engines.
openssl_targets=(libcrypto.so libssl.so apps/openssl providers/legacy.so)

openssl_config_hash() {
    [[ $release == 12 ]] || { echo system; return; }
    printf '%s\n' "$(uname -m)" "${openssl_options[@]}" "$openssl_cflags" "${openssl_targets[@]}" | sha256sum | cut -c1-12
}

# Prints the prefix to build against. Of several finished builds the newest version counts.
openssl_prefix() {
    if [[ $release == 13 ]]; then
        echo system
        return
    fi
    local done_marks
    done_marks=$(compgen -G "$cache/openssl-*-$(openssl_config_hash)/.complete" | sort -V | tail -n 1) || true
    [[ -n $done_marks ]] && dirname "$done_marks"
}

openssl_ensure() {
    [[ $release == 12 ]] || return 0
    openssl_prefix >/dev/null && [[ $refresh_openssl == no ]] && return 0
    exec 9>"$cache/openssl.lock"
    if ! flock -n 9; then
        say "another checkout is building OpenSSL; waiting for it"
        flock 9
    fi
    if ! openssl_prefix >/dev/null || [[ $refresh_openssl == yes ]]; then
        openssl_fetch
        openssl_build
    fi
    exec 9>&-
}

# --- the signed source ---------------------------------------------------------------------------------------

private_apt() {
    local dir=$cache/apt
    local main security keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    main=${BERTH_DEBIAN_MIRROR:-$(machine_mirror Debian)}
    security=$(machine_mirror Debian-Security)
    mkdir -p "$dir/lists/partial" "$dir/archives/partial"
    : >"$dir/status"
    {
        echo "deb-src [signed-by=$keyring] ${main:-http://deb.debian.org/debian} trixie main"
        [[ -z $security ]] || echo "deb-src [signed-by=$keyring] $security trixie-security main"
    } >"$dir/sources.list"
    # Read after the machine's own apt configuration, whose proxy settings stay in force.
    cat >"$dir/apt.conf" <<CONF
Dir::State "$dir";
Dir::State::status "$dir/status";
Dir::Cache "$dir";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "-";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::Retries "3";
APT::Sandbox::User "";
CONF
    # The machine's hooks around an update are about the machine's lists, not these.
    printf '#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n' >>"$dir/apt.conf"
}

openssl_fetch() {
    local conf=$cache/apt/apt.conf log=$cache/openssl-fetch.log
    say "fetching Debian 13's OpenSSL source package"
    private_apt
    # apt uses no index whose signature it cannot verify, and reports an index it could not fetch as a mere warning:
    # what counts is which versions it knows afterwards.
    apt-get -c "$conf" -q update >"$log" 2>&1 || true
    # Newest first. A mirror may list a security update before it holds its files: then the one before it is taken.
    local versions version
    versions=$(apt-cache -c "$conf" showsrc openssl 2>>"$log" | sed -n 's/^Version: //p' | sort -rVu) || true
    for version in $versions; do
        [[ $version != [0-2].* && $version != 3.[0-4].* ]] || continue
        openssl_version=$version
        openssl_dest=$cache/openssl-$version-$(openssl_config_hash)
        openssl_work=$cache/build/${openssl_dest##*/}
        [[ ! -e $openssl_work/.unpacked ]] || return 0
        rm -rf "$openssl_work"
        ! openssl_unpack >>"$log" 2>&1 || return 0
        rm -rf "$openssl_work"
        say "OpenSSL $version could not be fetched from the mirror (see $log)"
    done
    tail -n 10 "$log" >&2
    die "Debian 13's OpenSSL source package could not be fetched, or its signature not be verified; the lines above" \
        "tell why. Check the network connection and run the same command again. If this machine's mirror carries" \
        "Debian 12 only, name a complete one, for example BERTH_DEBIAN_MIRROR=http://deb.debian.org/debian."
}

openssl_unpack() {
    local downloads=$cache/build/openssl-source
    mkdir -p "$openssl_work" "$downloads" && cd "$downloads" &&
        apt-get -c "$cache/apt/apt.conf" -q source --download-only "openssl=$openssl_version" &&
        # apt has checked the files' hashes against the signed index; the uploader's own signature on the .dsc would
        # need the keys of all Debian developers, hence --no-check.
        dpkg-source --no-check -x "openssl_${openssl_version#*:}.dsc" "$openssl_work/source" &&
        touch "$openssl_work/.unpacked"
}

# --- build ---------------------------------------------------------------------------------------------------

# Interrupted anywhere, the next run goes on where make stopped; the prefix appears by one rename when all is in it.
openssl_build() {
    local log=$cache/openssl-build.log start=$SECONDS total
    say "building OpenSSL $openssl_version once into $openssl_dest with $jobs jobs (log: $log)"
    cd "$openssl_work/source"
    if [[ ! -e .configured ]]; then
        CFLAGS=$openssl_cflags ./Configure --prefix="$openssl_dest" --libdir=lib --openssldir="$openssl_dest/ssl" \
            "${openssl_options[@]}" "-Wl,-rpath,$openssl_dest/lib" >"$log" 2>&1 || openssl_failed "$log"
        touch .configured
    fi
    openssl_forget_half_written
    make -j"$jobs" build_generated >>"$log" 2>&1 || openssl_failed "$log"
    total=$(make -n "${openssl_targets[@]}" 2>/dev/null | grep -c -- ' -c ' || true)
    make -j"$jobs" "${openssl_targets[@]}" 2>&1 | tee -a "$log" |
        awk -v total="$((total > 0 ? total : 1))" \
            '/ -c / { n++; printf "%d %d of %d files\n", 100 * n / total, n, total; fflush() }' |
        show_progress OpenSSL || openssl_failed "$log"
    openssl_install
    cd "$here"
    rm -rf "$openssl_work" "$cache/build/openssl-source"
    say "OpenSSL $openssl_version built in $((SECONDS - start)) s"
}

# A killed compiler or generator leaves a file that make takes for finished. It is among the youngest ones.
openssl_forget_half_written() {
    local newest
    newest=$(find . -type f -newer .configured -printf '%T@\n' | sort -n | tail -n 1)
    [[ -z $newest ]] || find . -type f -newer .configured -newermt "@$((${newest%.*} - 20))" -delete
}

openssl_failed() {
    tail -n 15 "$1" >&2
    die "building OpenSSL failed; its last lines are above, the rest is in $1. If the disk or memory ran out, repair" \
        "that and run the same command again: it goes on where it stopped (JOBS=1 needs the least memory)."
}

# By hand rather than by make install, which would first build the static libraries.
openssl_install() {
    local stage=$openssl_dest.partial.$$
    rm -rf "$stage"
    mkdir -p "$stage"/{bin,include,lib/pkgconfig,lib/ossl-modules,ssl}
    cp -a libcrypto.so* libssl.so* "$stage/lib/"
    cp exporters/libcrypto.pc exporters/libssl.pc exporters/openssl.pc "$stage/lib/pkgconfig/"
    cp providers/legacy.so "$stage/lib/ossl-modules/"
    cp -r include/openssl "$stage/include/"
    rm -f "$stage"/include/openssl/*.in
    cp apps/openssl "$stage/bin/"
    cp apps/openssl.cnf "$stage/ssl/"
    ln -s /etc/ssl/certs "$stage/ssl/certs" # the machine's trust anchors, as with Debian's own build
    cp LICENSE.txt "$stage/"
    LD_LIBRARY_PATH=$stage/lib "$stage/bin/openssl" list -kem-algorithms 2>/dev/null | grep -q ML-KEM-768 ||
        openssl_failed "$cache/openssl-build.log"
    touch "$stage/.complete"
    rm -rf "$openssl_dest"
    mv "$stage" "$openssl_dest"
}
