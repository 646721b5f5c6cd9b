#include "crypto/random.h"
#include "keystore/calls.h"
#include "keystore/operations.h"

namespace berth::keystore::bench {

namespace {

bool never() {
    return false;
}

secret_bytes something() {
    secret_bytes out(sealed_octets);
    crypto::system_random().fill(out.writable());
    return out;
}

}  // namespace

maker berth_signs(std::function<key_names()> keys) {
    return [keys = std::move(keys)]() -> call {
        const auto key = open_signing_key(keys().signing);
        if (!key) {
            return never;
        }
        return [key = *key, message = bytes(random_octets, 1)] { return key->sign(message).has_value(); };
    };
}

maker berth_decapsulates(std::function<key_names()> keys) {
    return [keys = std::move(keys)]() -> call {
        const auto key = open_kem_key(keys().kem);
        if (!key) {
            return never;
        }
        auto sent = (*key)->public_key().encapsulate(crypto::system_random());
        return [key = *key, enc = std::move(sent.enc)] { return key->decapsulate(enc).has_value(); };
    };
}

maker berth_seals(std::function<key_names()> keys) {
    return [keys = std::move(keys)]() -> call {
        const auto in = open_holder(keys().signing);
        if (!in) {
            return never;
        }
        return [in = *in, secret = std::make_shared<const secret_bytes>(something())] { return in->seal(*secret).has_value(); };
    };
}

maker berth_unseals(std::function<key_names()> keys) {
    return [keys = std::move(keys)]() -> call {
        const auto in = open_holder(keys().signing);
        const auto sealed = seal(keys().signing, something());
        if (!in || !sealed) {
            return never;
        }
        return [in = *in, sealed = *sealed] { return in->unseal(sealed).has_value(); };
    };
}

maker berth_draws(std::function<key_names()> keys) {
    return [keys = std::move(keys)]() -> call {
        const auto in = open_holder(keys().signing);
        if (!in) {
            return never;
        }
        return [in = *in] { return in->random(random_octets).has_value(); };
    };
}

}  // namespace berth::keystore::bench
