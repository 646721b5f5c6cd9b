#include "provisioning/tpm_desk.h"

#include "hub/access/sas_token.h"
#include "wire/base64.h"

namespace berth::provisioning {

namespace {

constexpr size_t secret_size = 32;
constexpr size_t slots = 65'536;
constexpr size_t most_area = 1'024;
constexpr unix_seconds longest_token = 24 * 3'600;  // SDKs sign for an hour

result<attestation::public_area> read_area(const wire::json::object& tpm, std::string_view name) {
    const auto text = wire::text_member(tpm, name);
    const auto octets =
        text && text->size() <= 2 * most_area ? wire::from_base64(*text) : fail(error_category::peer, "bad_body", "");
    if (!octets) {
        return fail(error_category::peer, "bad_body", fmt::format("tpm.{} is base64 of a TPM2B_PUBLIC.", name));
    }
    auto area = attestation::storage_key_from(*octets);
    if (!area) {
        return fail(error_category::peer, "bad_body", fmt::format("tpm.{}: {}", name, area.error().message));
    }
    return area;
}

// By this key, for this resource, and not for longer than it takes.
bool is_by(std::string_view token, const secret_bytes& key, std::string_view resource, unix_seconds now) {
    const auto parsed = hub::sas_token::parse(token);
    return parsed && parsed->resource == resource && parsed->expiry <= now + longest_token && parsed->check(key, now);
}

}  // namespace

std::array<uint8_t, 32> tpm_claim::print() const {
    return to_array<32>(crypto::sha256(endorsement.name()).view());
}

result<std::optional<tpm_claim>> read_tpm(const wire::json::object& body) {
    const auto* const found = body.if_contains("tpm");
    if (!found || found->is_null()) {
        return std::nullopt;
    }
    if (!found->is_object()) {
        return fail(error_category::peer, "bad_body", "\"tpm\" is an object of endorsementKey and storageRootKey.");
    }
    BERTH_TRY(endorsement, read_area(found->as_object(), "endorsementKey"));
    BERTH_TRY(storage_root, read_area(found->as_object(), "storageRootKey"));
    return std::optional(tpm_claim{std::move(endorsement), std::move(storage_root)});
}

void tpm_desk::forget_old(unix_seconds now) {
    while (!entries_.empty() &&
           (entries_.size() > most_ || now - entries_.front().since >= lasts_ || now < entries_.front().since)) {
        used_.erase(entries_.front().registration);
        entries_.pop_front();
    }
}

tpm_desk::source tpm_desk::source_of(const std::string& registration, const tpm_claim& claim) const {
    bytes whose;
    // All of one length: nothing runs on into the next.
    for (const auto& part : {crypto::sha256(as_bytes(registration)), crypto::sha256(claim.endorsement.name()),
                             crypto::sha256(claim.storage_root.name())}) {
        whose.insert(whose.end(), part.view().begin(), part.view().end());
    }
    source out;
    out.keys = secret_bytes(crypto::hmac(crypto::hash_algorithm::sha256, secret_.reveal(), whose).view());
    out.slot = size_t{out.keys.reveal()[0]} << 8 | out.keys.reveal()[1];
    return out;
}

secret_bytes tpm_desk::key_of(const source& from, unix_seconds period) const {
    const auto which = fmt::format("{} {}", period, redeemed_.at(from.slot));
    return secret_bytes(crypto::hmac(crypto::hash_algorithm::sha256, from.keys.reveal(), as_bytes(which)).view());
}

result<std::string> tpm_desk::challenge(const std::string& registration, const tpm_claim& claim, random_source& random,
                                        unix_seconds now) {
    if (secret_.empty()) {
        secret_ = secret_bytes(secret_size);
        random.fill(secret_.writable());
        redeemed_.resize(slots);
    }
    const auto key = key_of(source_of(registration, claim), now / lasts_);
    BERTH_TRY(sealed, attestation::shared_key_for(claim.endorsement, claim.storage_root, key.reveal(), random));
    return wire::base64(sealed);
}

bool tpm_desk::redeem(const std::string& registration, const tpm_claim& claim, std::string_view token, std::string_view resource,
                      unix_seconds now) {
    forget_old(now);
    if (secret_.empty()) {
        return false;
    }
    const auto from = source_of(registration, claim);
    for (const unix_seconds period : {now / lasts_, now / lasts_ - 1}) {
        auto key = key_of(from, period);
        if (!is_by(token, key, resource, now)) {
            continue;
        }
        ++redeemed_[from.slot];
        forget(registration);
        entries_.push_back({registration, claim.print(), std::move(key), now});
        used_[registration] = std::prev(entries_.end());
        forget_old(now);
        return true;
    }
    return false;
}

std::optional<std::array<uint8_t, 32>> tpm_desk::holder(const std::string& registration, std::string_view token,
                                                        std::string_view resource, unix_seconds now) const {
    const auto found = used_.find(registration);
    if (found == used_.end() || now - found->second->since >= lasts_ || !is_by(token, found->second->key, resource, now)) {
        return std::nullopt;
    }
    return found->second->print;
}

void tpm_desk::forget(const std::string& registration) {
    if (const auto before = used_.find(registration); before != used_.end()) {
        entries_.erase(before->second);
        used_.erase(before);
    }
}

}  // namespace berth::provisioning
