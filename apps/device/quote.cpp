#include "device/quote.h"

#include "keystore/operations.h"
#include "onboarding/messages/quote.h"

namespace berth::app {

result<bytes> make_quote(const device_bundle& bundle, bytes_view qualifying_data) {
    auto said = keystore::quote(bundle.p3_uri, qualifying_data, bundle.quoted, {bundle.directory.string(), bundle.passphrase});
    if (!said) {
        return fail(std::move(said).error().during("quoting the platform registers, as [quote] in device.toml says"));
    }
    BERTH_TRY(by, said->by.spki());
    if (bundle.iak.empty() || !same_octets(by, bundle.iak.front().spki())) {
        return fail(error{error_category::usage, "key_mismatch",
                          fmt::format("z3-iak.pem in {} is not the certificate of this TPM's attestation key: it is another "
                                      "device's bundle, or another TPM",
                                      bundle.directory.string())});
    }
    onboarding::platform_quote out;
    out.attest = wire::opaque<1, 1024>(std::move(said->statement.octets));
    out.signature = wire::opaque<1, 1024>(std::move(said->statement.signature));
    for (const auto& c : bundle.iak) {
        out.iak.items.emplace_back(c.der());
    }
    for (const auto& [number, value] : said->values) {
        out.registers.items.push_back({number, to_array<32>(value)});
    }
    return wire::encode(out);
}

}  // namespace berth::app
