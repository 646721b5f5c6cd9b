// Keys held in this process's memory.
#pragma once

#include "keystore/key.h"

namespace berth::keystore {

kem_key_ptr software_kem_key(crypto::kem_private_key key);
signing_key_ptr software_signing_key(crypto::signing_key key);

}  // namespace berth::keystore
