#include "registry/audit.h"

#include "crypto/hash.h"

namespace berth::registry {

namespace {

struct canonical_entry {
    uint64_t number = 0;
    uint64_t at = 0;
    wire::opaque<0, 255> event;
    std::array<uint8_t, 32> device_root_spki{};
    wire::opaque<0, 64> serial;
    wire::opaque<0, 255> customer;
    wire::opaque<0, 255> outcome;
    wire::opaque<0, 255> log_id;
    BERTH_FIELDS(number, at, event, device_root_spki, serial, customer, outcome, log_id)
};

struct canonical_checkpoint {
    uint64_t number = 0;
    uint64_t at = 0;
    audit_hash hash{};
    BERTH_FIELDS(number, at, hash)
};

template <size_t Most>
wire::opaque<0, Most> bounded(std::string_view text) {
    return wire::opaque<0, Most>(text.substr(0, Most));
}

bytes signed_octets(const audit_checkpoint& c) {
    const auto body = wire::encode(canonical_checkpoint{c.number, static_cast<uint64_t>(c.at), c.hash});
    return concat({as_bytes("berth audit checkpoint 1"), *body});
}

tl::unexpected<error> altered(uint64_t number, const char* how) {
    return fail(error{error_category::environment,
                      "audit_altered",
                      fmt::format("entry {} of the audit log was altered: {}", number, how),
                      {{"number", std::to_string(number)}}});
}

}  // namespace

audit_hash hash_of(uint64_t number, const onboarding::audit_event& what, const audit_hash& previous) {
    const auto body = wire::encode(canonical_entry{
        number, static_cast<uint64_t>(what.at), bounded<255>(what.event), what.device.device_root_spki,
        bounded<64>(what.device.serial), bounded<255>(what.customer), bounded<255>(what.outcome), bounded<255>(what.log_id)});
    crypto::hasher h(crypto::hash_algorithm::sha256);
    h.update(as_bytes("berth audit 1")).update(previous).update(*body);
    return to_array<32>(h.finish().view());
}

result<audit_checkpoint> sign_checkpoint(uint64_t number, const audit_hash& hash, unix_seconds now,
                                         const crypto::signing_key& key) {
    audit_checkpoint c{number, now, hash, {}};
    BERTH_TRY(signature, key.sign(signed_octets(c)));
    c.signature = std::move(signature);
    return c;
}

result<void> check_checkpoint(const audit_checkpoint& c, const crypto::verification_key& key) {
    if (key.verify(signed_octets(c), c.signature)) {
        return {};
    }
    return fail(
        error{error_category::environment,
              "bad_signature",
              fmt::format("the checkpoint of entry {} was not signed with this key: either the key is not this log's, or the "
                          "checkpoint was altered",
                          c.number),
              {{"number", std::to_string(c.number)}}});
}

result<void> audit_verifier::next(const audit_entry& entry) {
    if (entry.number != hashes_.size() + 1) {
        return fail(error{error_category::environment,
                          "audit_gap",
                          fmt::format("entry {} of the audit log is missing", hashes_.size() + 1),
                          {{"number", std::to_string(hashes_.size() + 1)}}});
    }
    const audit_hash previous = hashes_.empty() ? audit_hash{} : hashes_.back();
    if (entry.previous != previous) {
        return altered(entry.number, "it does not hold the hash of the one before");
    }
    if (hash_of(entry.number, entry.what, previous) != entry.hash) {
        return altered(entry.number, "its fields do not give its hash");
    }
    hashes_.push_back(entry.hash);
    return {};
}

result<void> audit_verifier::check(const audit_checkpoint& c, const crypto::verification_key& key) const {
    BERTH_CHECK(check_checkpoint(c, key));
    if (c.number > hashes_.size()) {
        return fail(error{error_category::environment,
                          "audit_altered",
                          fmt::format("the audit log ends with entry {}, and a signed checkpoint knows entry {}: its end was cut "
                                      "off, or it came back from an older copy",
                                      hashes_.size(), c.number),
                          {{"number", std::to_string(c.number)}}});
    }
    if (c.number == 0 || hashes_[c.number - 1] != c.hash) {
        return altered(c.number, "a signed checkpoint knows another history");
    }
    return {};
}

}  // namespace berth::registry
