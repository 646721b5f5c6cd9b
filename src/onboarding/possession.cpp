#include "onboarding/possession.h"

#include "base/wipe.h"
#include "crypto/hash.h"
#include "crypto/hpke.h"
#include "onboarding/errors.h"
#include "wire/base64.h"

namespace berth::onboarding {

namespace {

// info = "berth kem pop 1" || channel_binding of KK2
bytes pop_info(bytes_view channel_binding) {
    return concat({as_bytes("berth kem pop 1"), channel_binding});
}

}  // namespace

std::string csr_binding(const exporter_function& kk2) {
    const secret_bytes binding = kk2(label_csr, 32);
    return wire::base64(binding.reveal());
}

kem_challenge challenge_kem_key(const name_field& name, const crypto::kem_public_key& key, bytes_view channel_binding,
                                random_source& random) {
    kem_challenge out;
    out.secret = secret_bytes(size_t{32});
    random.fill(out.secret.writable());
    auto sender =
        crypto::hpke_setup_sender(crypto::hpke_suite_aes256_for(key.algorithm()), key, pop_info(channel_binding), random);
    out.item.name = name;
    out.item.enc = std::move(sender.enc);
    out.item.sealed = to_array<48>(sender.context.seal(key.spki_sha256(), out.secret.reveal()));
    return out;
}

result<challenge_answer> answer_challenge(const challenge_item& item, const keystore::kem_key& key, bytes_view channel_binding) {
    auto shared = key.decapsulate(item.enc.view());
    if (!shared && !shared.error().is("bad_encapsulation")) {
        return fail(std::move(shared).error());
    }
    if (!shared) {
        return refuse("possession_unconfirmed", "the challenge's encapsulation is not for this key");
    }
    auto context =
        crypto::hpke_setup_receiver(crypto::hpke_suite_aes256_for(key.algorithm()), shared->reveal(), pop_info(channel_binding));
    auto opened = context.open(key.public_key().spki_sha256(), item.sealed);
    if (!opened || opened->size() != 32) {
        return refuse("possession_unconfirmed", "the challenge does not open with this key on this channel");
    }
    challenge_answer answer{item.name, to_array<32>(*opened)};
    wipe(*opened);
    return answer;
}

}  // namespace berth::onboarding
