// What a CA remembers: which certificates it has issued, to whom and on what proof; what has ended them since; and what waits.
// store/ implements it.
#pragma once

#include "ca/requester.h"
#include "pki/crl.h"

#include <functional>
#include <span>

namespace berth::ca {

// A certificate as the log has it. Entries are never changed or taken away, and each holds the hash of the one before (ca/log.h).
struct issuance {
    uint64_t number = 0;  // in the log, from 1 without gaps
    key_hash issuer{};    // the CA's key
    bytes serial;         // big-endian magnitude
    bytes certificate;    // DER
    std::string subject;  // for people
    device_key device;
    std::string profile;
    std::string requester;
    std::string proofs;       // "idevid+secret"
    key_hash proof_issuer{};  // the CA of what he has shown, and the root that it leads to
    key_hash proof_anchor{};
    // Every CA on whose word it stands: those above what was shown, the device's maker, and those on whose word that was got, if
    // it was issued here. Sorted; the records add the three above.
    std::vector<key_hash> origins;
    bool tells_origins = true;  // its hash covers them; not in entries of versions that knew nothing of them
    std::string batch;
    uint32_t epoch = 0;
    uint32_t shard = 0;  // of revocation lists
    unix_seconds at = 0;
    unix_seconds not_before = 0;
    unix_seconds not_after = 0;
    key_hash previous{};
    key_hash hash{};
};

inline constexpr size_t most_origins = 64;

// What ends many certificates at once, without a word about each: now and in the future.
enum class withdrawal_kind : uint8_t {
    batch,   // of one issuing batch
    device,  // of one device: its life has ended
    issuer,  // issued by this CA, or with it among the origins
};
std::string_view to_string(withdrawal_kind kind) noexcept;
struct withdrawal {
    withdrawal_kind kind = withdrawal_kind::batch;
    bytes value;  // the batch's name; maker's root and serial; the CA's key hash
    unix_seconds at = 0;
    pki::revocation_reason reason = pki::revocation_reason::unspecified;

    static bytes of_batch(std::string_view name) { return to_bytes(as_bytes(name)); }
    static bytes of_device(const device_key& device) { return concat({device.maker_root, as_bytes(device.serial)}); }
    static bytes of_issuer(const key_hash& issuer) { return to_bytes(issuer); }
};

enum class standing : uint8_t { good, revoked, unknown };
struct certificate_status {
    standing state = standing::unknown;
    unix_seconds at = 0;  // since when it is revoked
    pki::revocation_reason reason = pki::revocation_reason::unspecified;
    std::string by = {};  // "serial", "batch", "device", "issuer", "epoch"
};

struct revocation_query {
    key_hash issuer{};
    std::optional<uint32_t> shard = {};
    unix_seconds expires_after = 0;   // whoever has expired by then is not told of
    unix_seconds recorded_since = 0;  // for deltas
};

struct crl_record {
    key_hash issuer{};
    std::optional<uint32_t> shard = {};  // absent: of all
    bool delta = false;
    uint64_t number = 0;  // drawn when it is noted; lists and deltas of one scope share the numbers
    uint64_t base = 0;    // of a delta
    unix_seconds this_update = 0;
    unix_seconds next_update = 0;
    uint64_t entries = 0;
};

enum class decision : uint8_t { waiting, approved, denied, issued };
std::string_view to_string(decision d) noexcept;
// A request that waits for a person.
struct pending_request {
    std::array<uint8_t, 32> id{};  // SHA-256 over profile, requester and key: who asks again asks for the same
    std::string profile;
    std::string requester;
    std::string proofs;
    device_key device;
    bytes request;  // DER
    unix_seconds at = 0;
    decision state = decision::waiting;
    std::string decided_by = {};
    unix_seconds decided_at = 0;
};

// A secret that lets one identity in, once. The secret itself is kept by nobody.
struct one_time_token {
    std::array<uint8_t, 32> hash{};  // SHA-256
    std::string identity;            // a serial, or a name
    std::string profile;             // empty: any
    unix_seconds expires_at = 0;
    unix_seconds used_at = 0;  // 0: not yet
};

struct log_query {
    std::optional<key_hash> issuer = {};
    std::optional<bytes> serial = {};
    std::optional<std::string> device = {};  // serial
    std::optional<std::string> batch = {};
    uint64_t after = 0;  // entries behind this number
    size_t most = 1000;
};

class ca_records {
public:
    virtual ~ca_records() = default;

    // ---- the log

    // The next certificate of this CA in its order, from 0; numbers that are not used after all leave gaps.
    virtual result<uint64_t> reserve(const key_hash& issuer) = 0;
    // All but number, previous and hash as given; says the number. Error `serial_exists`: this CA has issued one with that serial
    // number.
    virtual result<uint64_t> append(const issuance& entry) = 0;
    virtual result<std::optional<issuance>> find(const key_hash& issuer, bytes_view serial) = 0;
    virtual result<std::vector<issuance>> list(const log_query& query) = 0;
    // Of the newest entry; 0: there is none.
    virtual result<unix_seconds> newest() = 0;
    // Of this device, issued by profile, not expired and not revoked; those of no maker are counted with those of each.
    virtual result<uint64_t> count_valid(const key_hash& issuer, const device_key& device, const std::string& profile,
                                         unix_seconds now) = 0;

    // ---- what ends certificates. All of it is for good.
    //
    // A device without a maker's root, here, is every device with that serial: who names a serial alone does not know by whom
    // its certificates were got (with a password or token they are of no maker). What is said of one maker's device is said of
    // that alone.

    // Whether this is news. Error `unknown_certificate`.
    virtual result<bool> revoke(const key_hash& issuer, bytes_view serial, pki::revocation_reason reason, unix_seconds now) = 0;
    virtual result<bool> withdraw(const withdrawal& what) = 0;
    virtual result<bool> is_withdrawn(withdrawal_kind kind, bytes_view value) = 0;
    virtual result<std::vector<withdrawal>> withdrawals() = 0;
    // Starts at 0.
    virtual result<uint32_t> epoch_of(const device_key& device) = 0;
    // All certificates of earlier epochs end; says the new one. One row, however many they are.
    virtual result<uint32_t> raise_epoch(const device_key& device, pki::revocation_reason reason, unix_seconds now) = 0;
    virtual result<certificate_status> status(const key_hash& issuer, bytes_view serial) = 0;
    // Each certificate once, in no order.
    virtual result<void> each_revoked(const revocation_query& query,
                                      const std::function<void(const pki::revoked_entry&)>& tell) = 0;
    // Grows with everything that ends certificates.
    virtual result<uint64_t> endings() = 0;
    // Those with at least one certificate, in ascending order.
    virtual result<std::vector<uint32_t>> shards(const key_hash& issuer) = 0;

    // ---- lists

    // Draws the next number of its issuer and scope, greater than `at_least`, and says it.
    virtual result<uint64_t> note_crl(const crl_record& list, uint64_t at_least) = 0;
    // The newest complete one, or delta.
    virtual result<std::optional<crl_record>> last_crl(const key_hash& issuer, std::optional<uint32_t> shard, bool delta) = 0;

    // ---- approvals

    // What is known of this request; a new one waits from now on. Error `too_many_requests` (peer): of this requester too many
    // wait already.
    virtual result<pending_request> ask(const pending_request& request) = 0;
    // Error `unknown_request`; `already_decided`.
    virtual result<pending_request> decide(const std::array<uint8_t, 32>& id, decision d, const std::string& by,
                                           unix_seconds now) = 0;
    virtual result<std::vector<pending_request>> waiting() = 0;

    // ---- tokens

    // Error `token_exists`.
    virtual result<void> add_token(const one_time_token& token) = 0;
    // Without using it up. Errors (category peer) `token_unknown`, `token_used`, `token_expired`.
    virtual result<one_time_token> find_token(const std::array<uint8_t, 32>& hash, unix_seconds now) = 0;
    // Uses it up; says what it was. Errors (category peer) `token_unknown`, `token_used`, `token_expired`, `token_of_another`: in
    // these cases nothing has changed.
    virtual result<one_time_token> use_token(const std::array<uint8_t, 32>& hash, const std::string& identity,
                                             unix_seconds now) = 0;
};

}  // namespace berth::ca
