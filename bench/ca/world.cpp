#include "ca/world.h"

#include "crypto/random.h"
#include "keystore/software.h"
#include "pki/issue.h"
#include "pki/profiles.h"

#include <sqlite3.h>
#include <stdexcept>
#include <unistd.h>

namespace berth::ca::bench {

namespace {

// Nothing is expected to fail here.
template <class T>
T must(result<T> value) {
    if (!value) {
        throw std::runtime_error(value.error().message);
    }
    return std::move(*value);
}

pki::certificate self_signed(const crypto::signing_key& key) {
    const unix_seconds now = system_clock().now();
    const auto contents = pki::root_template("Bench", "Bench CA", {now - 86'400, now + 3'650 * 86'400});
    return must(pki::issue_self_signed(contents, key, crypto::system_random()));
}

}  // namespace

world::world(crypto::signature_algorithm alg) {
    std::string name = (std::filesystem::temp_directory_path() / "berth-bench-ca-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    records_ = must(store::sqlite_ca_store::open((directory_ / "ca.db").string()));
    auto key = crypto::signing_key::generate(alg, crypto::system_random());
    const auto root = self_signed(key);
    key_ = keystore::software_signing_key(std::move(key));
    issuer_ = std::make_unique<ca::issuer>(must(ca::issuer::open({root}, key_, {})));
    profile_.name = "operational";
    profile_.required = {{proof::admin}};
    profile_.subject = must(name_template::parse("serialNumber={serial},O=Bench"));
    profile_.keys = {crypto::signature_algorithm::ecdsa_p256_sha256};
    profile_.lifetime = 30 * 86'400;
    profile_.extended_key_usages = {std::string(pki::oid_client_auth)};
    for (int i = 0; i < 256; ++i) {
        const auto leaf = crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random());
        spkis_.push_back(to_bytes(leaf.public_key().spki()));
    }
}

world::~world() {
    records_.reset();
    std::filesystem::remove_all(directory_);
}

pki::certificate world::issue(uint64_t number) {
    requester who{{proof::admin}, "bench", {}};
    who.device.serial = "SN-" + std::to_string(number);
    const asked what{spkis_[number % spkis_.size()], {}, {}};
    return must(issuer_->issue({profile_, who, what}, *records_, system_clock(), crypto::system_random()));
}

pki::certificate world::sign(uint64_t number) {
    requester who{{proof::admin}, "bench", {}};
    who.device.serial = "SN-" + std::to_string(number);
    const asked what{spkis_[number % spkis_.size()], {}, {}};
    auto contents = must(fill(profile_, who, what));
    contents.not_before = system_clock().now() - 300;
    contents.not_after = contents.not_before + profile_.lifetime;
    pki::issued_extras extras;
    extras.epoch = 0;
    return must(pki::issue(contents, extras, what.spki, issuer_->certificate(), issuer_->key(), crypto::system_random()));
}

ca::ocsp_desk world::desk() const {
    ca::desk_limits limits;
    limits.signatures_per_second = UINT32_MAX;
    return ca::ocsp_desk({{issuer_->certificate(), issuer_->certificate(), key_}}, limits);
}

void world::revoke_many(uint64_t count) {
    sqlite3* db = nullptr;
    const std::string sql = "INSERT INTO revoked WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
                            std::to_string(count) + ") SELECT x'" + to_hex(issuer_->id()) +
                            "', randomblob(16), 0, 253402300799, 1767225600 + i, 0 FROM n";
    const bool done = sqlite3_open((directory_ / "ca.db").c_str(), &db) == SQLITE_OK &&
                      sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
    sqlite3_close(db);
    if (!done) {
        throw std::runtime_error("the revoked certificates could not be written");
    }
}

}  // namespace berth::ca::bench
