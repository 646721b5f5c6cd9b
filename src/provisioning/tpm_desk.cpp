#include "provisioning/tpm_desk.h"

#include "hub/access/sas_token.h"
#include "wire/base64.h"

namespace berth::provisioning {

namespace {

constexpr size_t key_size = 32;
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
        const auto at = entries_.begin();
        for (auto* const by : {&waiting_, &used_}) {
            if (const auto found = by->find(at->registration); found != by->end() && found->second == at) {
                by->erase(found);
            }
        }
        entries_.erase(at);
    }
}

result<std::string> tpm_desk::challenge(const std::string& registration, const tpm_claim& claim, random_source& random,
                                        unix_seconds now) {
    forget_old(now);
    auto found = waiting_.find(registration);
    const bool same = found != waiting_.end() && found->second->endorsement == claim.endorsement.name() &&
                      found->second->storage_root == claim.storage_root.name();
    if (!same) {
        if (found != waiting_.end()) {
            entries_.erase(found->second);
            waiting_.erase(found);
        }
        entries_.emplace_back();
        entry& fresh = entries_.back();
        fresh.registration = registration;
        fresh.endorsement = claim.endorsement.name();
        fresh.storage_root = claim.storage_root.name();
        fresh.print = claim.print();
        fresh.key = secret_bytes(key_size);
        random.fill(fresh.key.writable());
        fresh.since = now;
        found = waiting_.emplace(registration, std::prev(entries_.end())).first;
    }
    BERTH_TRY(sealed, attestation::shared_key_for(claim.endorsement, claim.storage_root, found->second->key.reveal(), random));
    forget_old(now);
    return wire::base64(sealed);
}

bool tpm_desk::redeem(const std::string& registration, const tpm_claim& claim, std::string_view token, std::string_view resource,
                      unix_seconds now) {
    forget_old(now);
    const auto found = waiting_.find(registration);
    if (found == waiting_.end()) {
        return false;
    }
    const place at = found->second;
    if (at->endorsement != claim.endorsement.name() || at->storage_root != claim.storage_root.name() ||
        !is_by(token, at->key, resource, now)) {
        return false;
    }
    forget(registration);
    waiting_.erase(registration);
    at->used = true;
    used_[registration] = at;
    return true;
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
