// Whom a device trusts as an EST server, over a rollover of that server's CA: what est.toml names, and the roots that these have
// vouched for since (RFC 7030 4.1.3, NewWithOld), as the server's cacerts told over a connection that was trusted.
//
//   BUNDLE/est-trust/ID/N.pem    what was received when a new root was believed, the instant in its first line; ID: of the server
//
// Kept is what was received, not whom to trust: at each use it is judged again from what est.toml names. So nothing that is kept
// makes a root trusted that does not follow from that, and whoever names other roots there is rid of the former ones' heirs.
#pragma once

#include "base/clock.h"
#include "credentials/keeping_config.h"
#include "pki/certificate.h"

namespace berth::app {

class followed_trust {
public:
    // Both are copied.
    followed_trust(const std::filesystem::path& bundle, const kept_source& source);

    // Those of est.toml, then those that they have led to. What is damaged is logged and left out. Errors of the former.
    [[nodiscard]] result<std::vector<pki::certificate>> anchors() const;
    // From cacerts of a server that was trusted: the roots that are new, believed and kept from now on; none: nothing has
    // changed. `now` is known. Errors of files.
    result<std::vector<pki::certificate>> learn(std::span<const pki::certificate> received, unix_seconds now) const;

private:
    [[nodiscard]] std::vector<std::filesystem::path> files() const;
    std::filesystem::path configured_;
    std::filesystem::path directory_;
};

}  // namespace berth::app
