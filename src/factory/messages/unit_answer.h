#pragma once
#include "base/wipe.h"
#include "factory/messages/common.h"

namespace berth::factory {

struct certification {
    tpm_field attest;
    tpm_field signature;
    BERTH_FIELDS(attest, signature)
};

struct tpm_answer {
    wire::opaque<1, 64> activated;
    certification identity_key;
    wire::list<certification, 0, 4096> kem_half;  // one if the request names a half
    BERTH_FIELDS(activated, identity_key, kem_half)
};

// 3, unit to issuer.
struct unit_answer {
    uint16_t version = factory_version;
    serial_field serial;
    hash_field request_hash{};
    std::array<uint8_t, 32> kem_secret{};  // what was sealed to the KEM key
    wire::list<tpm_answer, 0, 16384> tpm;
    BERTH_FIELDS(version, serial, request_hash, kem_secret, tpm)
};

// An answer is a secret until it was judged: this wipes what one holds, at its own end.
class answer_wiper {
public:
    explicit answer_wiper(unit_answer& of) : of_(of) {}
    answer_wiper(const answer_wiper&) = delete;
    answer_wiper& operator=(const answer_wiper&) = delete;
    ~answer_wiper() {
        wipe(of_.kem_secret);
        for (tpm_answer& one : of_.tpm.items) {
            wipe(one.activated.value);
        }
    }

private:
    unit_answer& of_;
};

}  // namespace berth::factory
