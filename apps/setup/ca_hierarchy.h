// Making CAs: one by one, or the hierarchies of a device's life (docs/ca.md) at once.
#pragma once

#include "setup/ca_directory.h"

#include <functional>

namespace berth::app {

struct new_authority {
    std::string name;  // of its files
    std::string organization;
    std::string common_name;
    crypto::signature_algorithm algorithm = crypto::signature_algorithm::mldsa65;
    std::string under = {};                 // the CA above it; empty: it is a root
    std::string key_uri = {};               // where its key is made, or is; empty: NAME.key, or what NAME.uri says
    unix_seconds lifetime = 10 * one_year;  // pki::no_expiry: for ever
    std::optional<uint32_t> path_length = 0;
};
// Its key, its certificate and its place in the log. Errors `file_exists`, of keys and files, those of ca::issuer::issue() of the
// one above; `bad_name`.
result<pki::certificate> make_authority(const ca_directory& in, const new_authority& order, const clock& time,
                                        random_source& random);

// The certificate of a CA below order.under for this key, and nothing else of it.
result<pki::certificate> certify_authority(const ca_directory& in, const new_authority& order, bytes_view spki, const clock& time,
                                           random_source& random);

// customer: z2 (root), ldevid-ca, ca (operational). maker: z1 (root), idevid-ca. tpm_maker: ek-root, ek-ca.
enum class hierarchy : uint8_t { customer, maker, tpm_maker };
std::optional<hierarchy> hierarchy_named(std::string_view name);
struct hierarchy_order {
    std::vector<hierarchy> which;
    std::string organization;
    crypto::signature_algorithm algorithm = crypto::signature_algorithm::mldsa65;
    // A second chain beside each, classical beside a post-quantum one and the other way round: NAME-classical or NAME-pq.
    bool dual = false;
    std::optional<secret_bytes> passphrase = {};
};
// The names of what was made. Error `file_exists`, before anything is made.
result<std::vector<std::string>> make_hierarchies(const std::filesystem::path& directory, const hierarchy_order& order,
                                                  const clock& time, random_source& random);

// Who is to be a CA below somebody else's: its key, and the request for whoever certifies it (PEM).
result<std::string> request_authority(const ca_directory& in, const new_authority& order, random_source& random);
// The answer: the CA's certificate and those above it, leaf first. Errors `issuer_key_mismatch`, `bad_profile`,
// `bad_certificate_signature`: the chain is none; `file_exists`.
result<pki::certificate> accept_authority(const ca_directory& in, const std::string& name,
                                          const std::vector<pki::certificate>& chain, const clock& time);

struct import_order {
    std::string name;
    std::vector<pki::certificate> chain;        // the CA, then what is above it
    std::string key_uri;                        // where its key is
    std::vector<pki::certificate> issued = {};  // what it has issued elsewhere: only what the log has can be revoked
    std::vector<pki::crl> lists = {};           // what it has revoked
};
struct imported {
    size_t issued = 0, revoked = 0;         // what was there from an attempt that was interrupted is counted, too
    std::vector<std::string> unknown = {};  // serial numbers that are on a list, and whose certificates were not given
};
// A CA that was made by another program. Errors as of accept_authority; `bad_certificate_signature`, `bad_crl_signature`: one of
// those given is not its own. In commits of import_batch entries each; `between` two of them others may write, and it is told how
// long the one before took. What was interrupted is given again.
inline constexpr size_t import_batch = 200;
result<imported> import_authority(const ca_directory& in, const import_order& order, const clock& time,
                                  const std::function<void(milliseconds)>& between = {});

}  // namespace berth::app
