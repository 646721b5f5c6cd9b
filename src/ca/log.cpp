#include "ca/log.h"

#include "crypto/hash.h"

namespace berth::ca {

namespace {

bytes of_number(uint64_t n) {
    bytes out(8);
    for (size_t i = 8; i-- > 0; n >>= 8) {
        out[i] = static_cast<uint8_t>(n);
    }
    return out;
}

}  // namespace

std::vector<key_hash> origins_of(const issuance& e) {
    std::set<key_hash> out(e.origins.begin(), e.origins.end());
    out.insert({e.proof_issuer, e.proof_anchor, e.device.maker_root});
    out.erase(key_hash{});
    return {out.begin(), out.end()};
}

key_hash hash_of(const issuance& e, const key_hash& previous) {
    bytes all = concat({as_bytes(e.tells_origins ? "berth issuance 2" : "berth issuance 1"), previous});
    for (const uint64_t n : {e.number, uint64_t{e.epoch}, uint64_t{e.shard}, static_cast<uint64_t>(e.at),
                             static_cast<uint64_t>(e.not_before), static_cast<uint64_t>(e.not_after)}) {
        append(all, of_number(n));
    }
    for (const bytes_view field :
         {bytes_view(e.issuer), bytes_view(e.serial), bytes_view(e.certificate), as_bytes(e.subject),
          bytes_view(e.device.maker_root), as_bytes(e.device.serial), as_bytes(e.profile), as_bytes(e.requester),
          as_bytes(e.proofs), bytes_view(e.proof_issuer), bytes_view(e.proof_anchor), as_bytes(e.batch)}) {
        append(all, of_number(field.size()));
        append(all, field);
    }
    if (e.tells_origins) {
        append(all, of_number(e.origins.size()));
        for (const key_hash& origin : e.origins) {
            append(all, origin);
        }
    }
    return to_array<32>(crypto::sha256(all).view());
}

result<void> log_verifier::next(const issuance& entry) {
    const auto refuse = [&](const char* name, const char* what) {
        return fail(error{error_category::usage, name,
                          "The issuance log was tampered with: entry " + std::to_string(entry.number) + " " + what + "."}
                        .with("number", std::to_string(entry.number)));
    };
    if (entry.number != count_ + 1) {
        return refuse("log_gap", "does not follow the one before it");
    }
    if (entry.previous != last_ || entry.hash != hash_of(entry, last_)) {
        return refuse("log_altered", "does not fit its hash, or the hash of the one before it");
    }
    ++count_;
    last_ = entry.hash;
    return {};
}

}  // namespace berth::ca
