#include "authkem/key_schedule.h"

#include "authkem/alert.h"
#include "crypto/constant_time.h"
#include "crypto/hkdf.h"

namespace berth::authkem {

namespace {

using crypto::hash_algorithm;

void tell(const secret_log* log, std::string_view name, const secret_bytes& secret) {
    if (log != nullptr && *log) {
        (*log)(name, secret.reveal());
    }
}

// Derive-Secret(secret, label, messages), `so_far` being their hash.
secret_bytes derive(hash_algorithm hash, const secret_bytes& secret, std::string_view label, bytes_view so_far) {
    return crypto::hkdf_expand_label(hash, secret.reveal(), label, so_far, crypto::hash_size(hash));
}

bytes_view hash_of_nothing(hash_algorithm hash) {
    static const crypto::digest sha256 = crypto::hash(hash_algorithm::sha256, {});
    static const crypto::digest sha384 = crypto::hash(hash_algorithm::sha384, {});
    return hash == hash_algorithm::sha384 ? sha384.view() : sha256.view();
}

bytes_view zeros(hash_algorithm hash) {
    static constexpr std::array<uint8_t, crypto::max_hash_size> none{};
    return bytes_view(none).first(crypto::hash_size(hash));
}

// Extract(D(secret), input); an empty input stands for Hash.length zero octets.
secret_bytes step(hash_algorithm hash, const secret_bytes& secret, const secret_bytes& input) {
    const secret_bytes salt = derive(hash, secret, "derived", hash_of_nothing(hash));
    return crypto::hkdf_extract(hash, salt.reveal(), input.empty() ? zeros(hash) : input.reveal());
}

// Extract(0, 0) and D of it depend on the hash alone.
struct constants {
    explicit constants(hash_algorithm hash)
        : early(crypto::hkdf_extract(hash, zeros(hash), zeros(hash))),
          derived(derive(hash, early, "derived", hash_of_nothing(hash))) {}
    secret_bytes early;
    secret_bytes derived;
};

const constants& unauthenticated(hash_algorithm hash) {
    static const constants sha256(hash_algorithm::sha256);
    static const constants sha384(hash_algorithm::sha384);
    return hash == hash_algorithm::sha384 ? sha384 : sha256;
}

secret_bytes finished_key(hash_algorithm hash, const secret_bytes& master, role side) {
    return crypto::hkdf_expand_label(hash, master.reveal(), side == role::client ? "client finished" : "server finished", {},
                                     crypto::hash_size(hash));
}

}  // namespace

early_stage::early_stage(hash_algorithm hash, const secret_log* log) : hash_(hash), log_(log) {
    tell(log_, "ES", unauthenticated(hash).early);
}

early_stage::early_stage(hash_algorithm hash, const secret_bytes& server_authentication, const secret_log* log)
    : hash_(hash), secret_(crypto::hkdf_extract(hash, zeros(hash), server_authentication.reveal())), log_(log) {
    tell(log_, "SSs", server_authentication);
    tell(log_, "ES", secret_);
}

secret_bytes early_stage::client_early(const crypto::digest& hello) const {
    secret_bytes secret = derive(hash_, secret_, "c e hs traffic", hello.view());
    tell(log_, "c_ehs", secret);
    return secret;
}

handshake_stage early_stage::handshake(const secret_bytes& x25519mlkem768) && {
    tell(log_, "x25519mlkem768", x25519mlkem768);
    secret_bytes next = secret_.empty()
                            ? crypto::hkdf_extract(hash_, unauthenticated(hash_).derived.reveal(), x25519mlkem768.reveal())
                            : step(hash_, secret_, x25519mlkem768);
    tell(log_, "HS", next);
    return {hash_, std::move(next), log_};
}

traffic_secrets handshake_stage::secrets(const crypto::digest& so_far) const {
    traffic_secrets out{derive(hash_, secret_, "c hs traffic", so_far.view()),
                        derive(hash_, secret_, "s hs traffic", so_far.view())};
    tell(log_, "c_hs", out.client);
    tell(log_, "s_hs", out.server);
    return out;
}

authenticated_stage handshake_stage::authenticated(const secret_bytes& server_authentication) && {
    secret_bytes next = step(hash_, secret_, server_authentication);
    tell(log_, "SSs", server_authentication);
    tell(log_, "AHS", next);
    return {hash_, std::move(next), log_};
}

traffic_secrets authenticated_stage::secrets(const crypto::digest& so_far) const {
    traffic_secrets out{derive(hash_, secret_, "c ahs traffic", so_far.view()),
                        derive(hash_, secret_, "s ahs traffic", so_far.view())};
    tell(log_, "c_ahs", out.client);
    tell(log_, "s_ahs", out.server);
    return out;
}

namespace {

// MS and what is told of it, the same from either stage before it.
secret_bytes master_secret(hash_algorithm hash, const secret_bytes& secret, const secret_bytes& client_authentication,
                           const secret_log* log) {
    secret_bytes master = step(hash, secret, client_authentication);
    if (log != nullptr && *log) {
        if (!client_authentication.empty()) {
            tell(log, "SSc", client_authentication);
        }
        tell(log, "MS", master);
        tell(log, "fk_c", finished_key(hash, master, role::client));
        tell(log, "fk_s", finished_key(hash, master, role::server));
    }
    return master;
}

}  // namespace

master_stage handshake_stage::master(const secret_bytes& client_authentication) && {
    return {hash_, master_secret(hash_, secret_, client_authentication, log_), log_};
}

master_stage authenticated_stage::master(const secret_bytes& client_authentication) && {
    return {hash_, master_secret(hash_, secret_, client_authentication, log_), log_};
}

crypto::digest master_stage::verify_data(role side, const crypto::digest& so_far) const {
    return crypto::hmac(hash_, finished_key(hash_, secret_, side).reveal(), so_far.view());
}

result<finished_verified> master_stage::verify(role peer, const crypto::digest& so_far, bytes_view received) const {
    // RFC 8446 4.4.4: "Recipients of Finished messages MUST verify that the contents are correct and if
    // incorrect MUST terminate the connection with a "decrypt_error" alert."
    if (!crypto::equal(verify_data(peer, so_far).view(), received)) {
        return refuse(alert::decrypt_error, "finished_mismatch",
                      "the peer's Finished is wrong: it does not hold the private key of the certificate or key it was "
                      "authenticated by, or the handshake was changed on the way");
    }
    return finished_verified();
}

secret_bytes master_stage::application(role side, const crypto::digest& so_far) const {
    secret_bytes secret = derive(hash_, secret_, side == role::client ? "c ap traffic" : "s ap traffic", so_far.view());
    tell(log_, side == role::client ? "c_ap" : "s_ap", secret);
    return secret;
}

secret_bytes master_stage::exporter_master(const crypto::digest& so_far) const {
    secret_bytes secret = derive(hash_, secret_, "exp master", so_far.view());
    tell(log_, "exporter_master", secret);
    return secret;
}

secret_bytes next_application_secret(hash_algorithm hash, const secret_bytes& current) {
    return crypto::hkdf_expand_label(hash, current.reveal(), "traffic upd", {}, crypto::hash_size(hash));
}

result<secret_bytes> export_keying_material(hash_algorithm hash, const secret_bytes& exporter_master, std::string_view label,
                                            bytes_view context, size_t length) {
    constexpr size_t longest_label = 249;  // opaque label<7..255> holds "tls13 " as well
    if (length > 255 * crypto::hash_size(hash) || label.size() > longest_label) {
        return fail(error_category::usage, "too_large", "an exporter's label or length is over what TLS 1.3 can derive");
    }
    // RFC 8446 7.5: TLS-Exporter(label, context_value, key_length) = HKDF-Expand-Label(Derive-Secret(Secret,
    // label, ""), "exporter", Hash(context_value), key_length)
    const secret_bytes secret = derive(hash, exporter_master, label, hash_of_nothing(hash));
    return crypto::hkdf_expand_label(hash, secret.reveal(), "exporter", crypto::hash(hash, context).view(), length);
}

traffic_keys keys_from(cipher_suite suite, const secret_bytes& traffic_secret) {
    const hash_algorithm hash = hash_of(suite);
    return {crypto::hkdf_expand_label(hash, traffic_secret.reveal(), "key", {}, crypto::aead_key_size(aead_of(suite))),
            crypto::hkdf_expand_label(hash, traffic_secret.reveal(), "iv", {}, crypto::aead_nonce_size)};
}

}  // namespace berth::authkem
