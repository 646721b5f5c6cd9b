# Sourced by scripts/bootstrap: Azure's own device and service SDKs, npm's jose, and the two Node.js that tests run them on.
#
# tests/azure/package-lock.json names every package with its hash; npm fetches and checks them. Nothing of them is run while they are
# installed (--ignore-scripts), and nothing of them lands in the checkout: they lie below the cache, one directory for each lockfile.

azure_sources=$here/../tests/azure

azure_prefix() { echo "$cache/azure-$(cat "$azure_sources/package.json" "$azure_sources/package-lock.json" | sha256sum | cut -c1-12)"; }

wants_azure() { [[ " ${groups[*]} " == *" azure "* ]]; }

azure_is_there() { [[ -e $(azure_prefix)/.complete ]]; }

azure_ensure() {
    local dest stage log=$cache/azure.log
    dest=$(azure_prefix)
    exec 8>"$cache/azure.lock"
    flock 8 # another checkout may be at it
    if [[ ! -e $dest/.complete ]]; then
        say "installing Azure's SDKs and two Node.js for the tests (log: $log)"
        stage=$dest.partial
        rm -rf "$stage"
        mkdir -p "$stage"
        cp "$azure_sources"/package.json "$azure_sources"/package-lock.json "$stage/"
        if ! (cd "$stage" && npm ci --ignore-scripts --no-audit --no-fund --cache "$stage/.npm-cache") >"$log" 2>&1; then
            tail -n 15 "$log" >&2
            die "Azure's SDKs could not be installed from the npm registry; the lines above tell why. Check the network" \
                "connection and run the same command again. Everything but the tests that run them goes without."
        fi
        rm -rf "$stage/.npm-cache"
        # What it takes to compile against them is no use to a test.
        rm -rf "$stage"/node_modules/node-2[04]/include
        touch "$stage/.complete"
        rm -rf "$dest"
        mv "$stage" "$dest"
    fi
    exec 8>&-
}
